//! `[devices.printer]`.

use std::{
    ops::RangeInclusive,
    path::{Path, PathBuf},
};

use guitai_core::receipt::Columns;
use guitai_devices::printer::Encoding;
use serde::{Deserialize, Deserializer, de::Error as _};

/// The receipt printer.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, tag = "kind", rename_all = "lowercase")]
pub(crate) enum PrinterSection {
    /// A network printer, usually port 9100.
    Tcp {
        host: String,
        #[serde(default = "default_printer_port")]
        port: u16,
        #[serde(default = "default_columns", deserialize_with = "columns")]
        columns: Columns,
        #[serde(default = "default_copies", deserialize_with = "copies")]
        copies: u8,
        #[serde(default = "default_charset", deserialize_with = "charset")]
        charset: Encoding,
    },
    /// Each receipt as a file of printer bytes.
    File {
        folder: PathBuf,
        #[serde(default = "default_columns", deserialize_with = "columns")]
        columns: Columns,
        #[serde(default = "default_copies", deserialize_with = "copies")]
        copies: u8,
        #[serde(default = "default_charset", deserialize_with = "charset")]
        charset: Encoding,
    },
}

const fn default_printer_port() -> u16 {
    9100
}

const fn default_columns() -> Columns {
    Columns::Mm80
}

const fn default_copies() -> u8 {
    *COPIES.start()
}

/// Slips of one receipt: none would be no receipt, and who wants ten wants something else.
const COPIES: RangeInclusive<u8> = 1..=9;

fn columns<'de, D: Deserializer<'de>>(from: D) -> Result<Columns, D::Error> {
    let value = toml::Value::deserialize(from)?;
    let columns = value.as_integer().and_then(|columns| Columns::of(usize::try_from(columns).ok()?));
    columns.ok_or_else(|| {
        D::Error::custom(format!(
            "[devices.printer] columns = {}: write 32 (58 mm paper), 42 or 48 (80 mm paper)",
            shown(&value)
        ))
    })
}

fn copies<'de, D: Deserializer<'de>>(from: D) -> Result<u8, D::Error> {
    let value = toml::Value::deserialize(from)?;
    let copies = value.as_integer().and_then(|copies| u8::try_from(copies).ok());
    copies.filter(|copies| COPIES.contains(copies)).ok_or_else(|| {
        let (least, most) = (COPIES.start(), COPIES.end());
        D::Error::custom(format!("[devices.printer] copies = {}: write a number from {least} to {most}", shown(&value)))
    })
}

const fn default_charset() -> Encoding {
    Encoding::Gbk
}

fn charset<'de, D: Deserializer<'de>>(from: D) -> Result<Encoding, D::Error> {
    let value = toml::Value::deserialize(from)?;
    match value.as_str() {
        Some("gbk") => Ok(Encoding::Gbk),
        Some("gb18030") => Ok(Encoding::Gb18030),
        Some(_) | None => Err(D::Error::custom(format!(
            "[devices.printer] charset = {}: write \"gbk\" or \"gb18030\"",
            shown(&value)
        ))),
    }
}

/// A value as it stands in the file, or what kind it is.
fn shown(value: &toml::Value) -> String {
    match value {
        toml::Value::String(text) => format!("{text:?}"),
        toml::Value::Integer(number) => number.to_string(),
        toml::Value::Float(number) => format!("{number:?}"),
        toml::Value::Boolean(word) => word.to_string(),
        other => other.type_str().to_owned(),
    }
}

impl PrinterSection {
    pub(super) fn within(self, base: &Path) -> Self {
        match self {
            Self::File { folder, columns, copies, charset } => {
                Self::File { folder: base.join(folder), columns, copies, charset }
            }
            tcp @ Self::Tcp { .. } => tcp,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::{example, load};

    /// The example with one value of the printer's changed.
    fn written(key: &str, value: &str) -> Result<PrinterSection, String> {
        let text = example();
        let line = text.lines().find(|line| line.starts_with(key)).expect("it stands in the example");
        let config = load(&text.replace(line, &format!("{key} = {value}")))?;
        Ok(config.printer.expect("a printer"))
    }

    fn tcp(section: &PrinterSection) -> (usize, u8, Encoding) {
        match section {
            PrinterSection::Tcp { columns, copies, charset, .. } => (columns.get(), *copies, *charset),
            PrinterSection::File { .. } => panic!("{section:?}"),
        }
    }

    #[test]
    fn it_takes_the_papers_there_are_and_1_to_9_copies() {
        for value in ["32", "42", "48"] {
            let section = written("columns", value).unwrap_or_else(|error| panic!("{value}: {error}"));
            assert_eq!(tcp(&section).0.to_string(), value);
        }
        for value in ["1", "2", "9"] {
            let section = written("copies", value).unwrap_or_else(|error| panic!("{value}: {error}"));
            assert_eq!(tcp(&section).1.to_string(), value);
        }
        let wrong =
            ["0", "-1", "-42", "31", "33", "40", "41", "64", "80", "255", "256", "298", "42.0", "\"42\"", "true"];
        for value in wrong {
            let error = written("columns", value).expect_err(value);
            assert!(error.contains(&format!("columns = {value}: write 32 (58 mm paper), 42 or 48")), "{error}");
        }
        for value in ["0", "-1", "10", "255", "256", "257", "1.0", "\"1\"", "false"] {
            let error = written("copies", value).expect_err(value);
            assert!(error.contains(&format!("copies = {value}: write a number from 1 to 9")), "{error}");
        }
        let short =
            example().replace("columns = 48\n", "").replace("copies = 1\n", "").replace("charset = \"gbk\"\n", "");
        let config = load(&short).expect("all may be left out");
        assert_eq!(tcp(&config.printer.expect("a printer")), (48, 1, Encoding::Gbk));
    }

    #[test]
    fn it_takes_two_character_sets() {
        for (value, charset) in [("\"gbk\"", Encoding::Gbk), ("\"gb18030\"", Encoding::Gb18030)] {
            assert_eq!(written("charset", value).map(|section| tcp(&section).2), Ok(charset));
        }
        for value in ["\"utf-8\"", "\"GBK\"", "\"\"", "18030"] {
            let error = written("charset", value).expect_err(value);
            assert!(error.contains(&format!("charset = {value}: write \"gbk\" or \"gb18030\"")), "{error}");
        }
    }
}
