//! The table of results, and whether each keeps its aim.

/// What a figure is to be.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Aim {
    /// In the row's unit.
    Most(u64),
    /// In the row's unit.
    Least(u64),
    /// In hundredths of the rival's, or this much more than it, whichever is more.
    MostOfRival { hundredths: u64, or_more: u64 },
    /// In hundredths of the rival's.
    LeastOfRival { hundredths: u64 },
}

/// 1.1 of the rival's, or a millisecond more, of a row in µs.
pub(crate) const AS_THE_RIVAL: Aim = Aim::MostOfRival { hundredths: 110, or_more: 1_000 };

/// A figure beside its rival's.
#[derive(Debug)]
pub(crate) struct Row {
    what: String,
    ours: u64,
    rival_is: String,
    rival: u64,
    unit: &'static str,
    aims: Vec<(&'static str, Aim)>,
}

/// All of them.
#[derive(Debug, Default)]
pub(crate) struct Table(Vec<Row>);

impl Table {
    /// Adds a figure; it may be given aims.
    pub(crate) fn row(&mut self, what: &str, ours: u64, unit: &'static str, rival_is: &str, rival: u64) -> &mut Row {
        self.0.push_mut(Row { what: what.into(), ours, rival_is: rival_is.into(), rival, unit, aims: Vec::new() })
    }

    pub(crate) fn print(&self) {
        println!("{:<58} {:>12} {:>12} {:>8}  {:<34} rival", "what", "ours", "rival's", "ratio", "aim");
        for row in &self.0 {
            let Row { what, ours, rival_is, rival, unit, aims } = row;
            let (ours_shown, rival_shown) = (format!("{ours} {unit}"), format!("{rival} {unit}"));
            let aims: Vec<String> = aims
                .iter()
                .map(|(name, aim)| {
                    let kept = if row.keeps(*aim) { "kept" } else { "MISSED" };
                    format!("{name} {}: {kept}", aim.shown(unit))
                })
                .collect();
            let (ratio, aims) = (ratio(*ours, *rival), aims.join(", "));
            println!("{what:<58} {ours_shown:>12} {rival_shown:>12} {ratio:>8}  {aims:<34} {rival_is}");
        }
    }

    /// Every aim that was missed, as people read it.
    pub(crate) fn missed(&self) -> Vec<String> {
        let mut missed = Vec::new();
        for row in &self.0 {
            for (name, aim) in row.aims.iter().filter(|(_, aim)| !row.keeps(*aim)) {
                let Row { what, ours, rival, unit, .. } = row;
                missed.push(format!("{name}: {what}: {ours} {unit} (rival: {rival} {unit}), aim {}", aim.shown(unit)));
            }
        }
        missed
    }

    pub(crate) fn write(&self, file: &str) -> anyhow::Result<()> {
        let rows: Vec<_> = self
            .0
            .iter()
            .map(|row| {
                let aims: Vec<_> = row
                    .aims
                    .iter()
                    .map(|(name, aim)| {
                        serde_json::json!({ "number": name, "aim": aim.shown(row.unit), "kept": row.keeps(*aim) })
                    })
                    .collect();
                serde_json::json!({ "what": row.what, "ours": row.ours, "unit": row.unit, "rival": row.rival,
                    "rival_is": row.rival_is, "ratio": ratio(row.ours, row.rival), "aims": aims })
            })
            .collect();
        Ok(std::fs::write(file, serde_json::to_string_pretty(&rows)?)?)
    }
}

impl Row {
    /// The figure must keep this; `name` is its number among the aims.
    pub(crate) fn aim(&mut self, name: &'static str, aim: Aim) -> &mut Self {
        self.aims.push((name, aim));
        self
    }

    const fn keeps(&self, aim: Aim) -> bool {
        match aim {
            Aim::Most(most) => self.ours <= most,
            Aim::Least(least) => self.ours >= least,
            Aim::MostOfRival { hundredths, or_more } => {
                self.ours * 100 <= self.rival * hundredths || self.ours <= self.rival + or_more
            }
            Aim::LeastOfRival { hundredths } => self.ours * 100 >= self.rival * hundredths,
        }
    }
}

impl Aim {
    fn shown(self, unit: &str) -> String {
        match self {
            Self::Most(most) => format!("≤ {most} {unit}"),
            Self::Least(least) => format!("≥ {least} {unit}"),
            Self::MostOfRival { hundredths, or_more } => {
                format!("≤ {} × or + {or_more} {unit}", ratio(hundredths, 100))
            }
            Self::LeastOfRival { hundredths } => format!("≥ {} ×", ratio(hundredths, 100)),
        }
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
pub(crate) fn median(values: Vec<u64>) -> u64 {
    hundredth(values, 50)
}

/// The one below which so many of hundred are.
pub(crate) fn hundredth(mut values: Vec<u64>, hundredths: usize) -> u64 {
    values.sort_unstable();
    values.get(values.len() * hundredths / 100).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_aim_that_is_missed_is_named() {
        let mut table = Table::default();
        table.row("fast enough", 1_099, "µs", "a rival", 1_000).aim("A", AS_THE_RIVAL).aim("B", Aim::Most(1_099));
        table.row("little more", 1_200, "µs", "a rival", 200).aim("C", AS_THE_RIVAL);
        assert_eq!(table.missed(), Vec::<String>::new());
        table.row("too slow", 12_001, "µs", "a rival", 10_000).aim("D", AS_THE_RIVAL).aim("E", Aim::Most(12_000));
        table.row("too few", 59, "/s", "a rival", 100).aim("F", Aim::LeastOfRival { hundredths: 60 });
        table.row("too few", 99, "/s", "a rival", 100).aim("G", Aim::Least(100));
        let missed = table.missed();
        let names: Vec<&str> = missed.iter().filter_map(|words| words.split(':').next()).collect();
        assert_eq!(names, ["D", "E", "F", "G"]);
    }
}
