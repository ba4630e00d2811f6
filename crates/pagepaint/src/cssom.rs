//! CSS becomes rules: what the engine understood of it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The page's style sheets, in the order in which they count. The browser's own, which makes a heading large, comes before them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cssom {
    /// One for every `style` and every `link` that came.
    pub sheets: Vec<StyleSheet>,
}

/// A style sheet.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StyleSheet {
    /// Its address, or `<style>`.
    pub source: String,
    /// Rules, imports among them; those inside others, `@media` say, count with these.
    pub rules: u64,
    /// The first 1,000 of them.
    pub first_rules: Vec<Rule>,
}

/// A rule.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// `style`, `media`, `import` and so on.
    pub kind: String,
    /// As the engine writes it, up to 400 characters: what it did not understand is not there.
    pub text: String,
}

impl Cssom {
    /// Rules of all sheets.
    #[must_use]
    pub fn rules(&self) -> u64 {
        self.sheets.iter().map(|sheet| sheet.rules).sum()
    }
}

impl fmt::Display for Cssom {
    /// Each sheet, and a rule a line below it.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for sheet in &self.sheets {
            writeln!(formatter, "{}: {} rules", sheet.source.escape_debug(), sheet.rules)?;
            for rule in &sheet.first_rules {
                // Control characters in strings are for the terminal to obey, not to be shown.
                let text: String = rule.text.chars().filter(|c| !c.is_control()).collect();
                writeln!(formatter, "  {}: {text}", rule.kind)?;
            }
        }
        Ok(())
    }
}
