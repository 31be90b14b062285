//! The table of results.

/// A figure beside its rival's.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) what: String,
    pub(crate) ours: u64,
    pub(crate) rival_is: String,
    pub(crate) rival: u64,
    pub(crate) unit: &'static str,
}

/// All of them.
#[derive(Debug, Default)]
pub(crate) struct Table(Vec<Row>);

impl Table {
    pub(crate) fn row(&mut self, what: &str, ours: u64, unit: &'static str, rival_is: &str, rival: u64) {
        self.0.push(Row { what: what.into(), ours, rival_is: rival_is.into(), rival, unit });
    }

    pub(crate) fn print(&self) {
        println!("{:<52} {:>12} {:>12} {:>8}  rival", "what", "ours", "rival's", "ratio");
        for Row { what, ours, rival_is, rival, unit } in &self.0 {
            let (ours_shown, rival_shown) = (format!("{ours} {unit}"), format!("{rival} {unit}"));
            println!("{what:<52} {ours_shown:>12} {rival_shown:>12} {:>8}  {rival_is}", ratio(*ours, *rival));
        }
    }

    pub(crate) fn write(&self, file: &str) -> anyhow::Result<()> {
        let rows: Vec<_> = self
            .0
            .iter()
            .map(|row| {
                serde_json::json!({ "what": row.what, "ours": row.ours, "unit": row.unit, "rival": row.rival,
                    "rival_is": row.rival_is, "ratio": ratio(row.ours, row.rival) })
            })
            .collect();
        Ok(std::fs::write(file, serde_json::to_string_pretty(&rows)?)?)
    }
}

/// Two decimals, in whole numbers.
fn ratio(ours: u64, rival: u64) -> String {
    if rival == 0 {
        return "-".into();
    }
    let hundredths = ours * 100 / rival;
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}

/// The middle one.
pub(crate) fn median(mut values: Vec<u64>) -> u64 {
    values.sort_unstable();
    values.get(values.len() / 2).copied().unwrap_or(0)
}
