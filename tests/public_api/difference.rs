//! What a change of a crate's items means for those who depend on it.

/// Lines that are on one side alone.
pub(crate) struct Difference {
    /// Recorded, and not there any more: those who use it break.
    gone: Vec<String>,
    /// There, and not recorded.
    new: Vec<String>,
    /// New variants of enums that others may match without a wildcard: those who do break.
    unmatched: Vec<String>,
    /// Which version was recorded.
    version: String,
}

impl Difference {
    /// `recorded`: the text of a file, whose first line is `# NAME VERSION`. `shown`: what is there.
    pub(crate) fn between(recorded: &str, shown: &[String]) -> Self {
        let (head, recorded) = recorded.split_once('\n').unwrap_or((recorded, ""));
        let version = head.rsplit(' ').next().unwrap_or_default().to_owned();
        let recorded: Vec<String> = recorded.lines().map(str::to_owned).collect();
        let gone = without(&recorded, shown);
        let (unmatched, new) =
            without(shown, &recorded).into_iter().partition(|line| is_variant_of_a_known_enum(line, &recorded));
        Self { gone, new, unmatched, version }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.gone.is_empty() && self.new.is_empty() && self.unmatched.is_empty()
    }

    /// What to do about it.
    pub(crate) fn told(&self, name: &str, version: &str) -> String {
        let mut told = String::new();
        let broken = [("-", &self.gone), ("+", &self.unmatched)];
        if broken.iter().any(|(_, lines)| !lines.is_empty()) {
            told += &match is_breaking_step(&self.version, version) {
                true => format!("breaking, as {name} {version} may be after {}: record it", self.version),
                false => format!("breaking: bump the version of {name}, which is still {version}, or put it back"),
            };
            told.push('\n');
        }
        for (mark, lines) in broken {
            lines.iter().for_each(|line| told += &format!("  {mark} {line}\n"));
        }
        if !self.new.is_empty() {
            told += "added: record it, if it is meant to stay (a method that a trait requires is breaking)\n";
            self.new.iter().for_each(|line| told += &format!("  + {line}\n"));
        }
        told
    }
}

/// The lines of `these` that `those` lack; a line that is there twice has to be there twice.
fn without(these: &[String], those: &[String]) -> Vec<String> {
    let mut left = those.to_vec();
    let is_new = |line: &&String| match left.iter().position(|other| other == *line) {
        Some(place) => {
            left.swap_remove(place);
            false
        }
        None => true,
    };
    these.iter().filter(is_new).cloned().collect()
}

/// `pub a::E::New`, where `pub enum a::E` is recorded and not `#[non_exhaustive]`.
fn is_variant_of_a_known_enum(line: &str, recorded: &[String]) -> bool {
    let path = line.strip_prefix("pub ").and_then(|item| item.split(['(', ' ']).next());
    let Some((parent, _)) = path.and_then(|path| path.rsplit_once("::")) else { return false };
    let enums = recorded.iter().filter_map(|line| line.strip_prefix("pub enum "));
    enums.map(|item| item.split('<').next()).any(|name| name == Some(parent))
}

/// Whether versioning allows everything to change between the two: another major version, or another minor one before 1.0.
fn is_breaking_step(from: &str, to: &str) -> bool {
    let significant = |version: &str| {
        let mut parts = version.split('.');
        let major = parts.next().unwrap_or_default().to_owned();
        let minor = parts.next().filter(|_| major == "0").unwrap_or_default().to_owned();
        (major, minor)
    };
    significant(from) != significant(to)
}

#[test]
fn what_is_gone_or_changed_is_breaking_and_what_is_new_is_not() {
    let recorded = "# a 0.1.0\npub enum a::E\npub a::E::One\npub fn a::f(u8)\n#[non_exhaustive] pub enum a::N\n";
    let told = |lines: &[&str], version| {
        let lines: Vec<String> = lines.iter().map(|&line| line.to_owned()).collect();
        Difference::between(recorded, &lines).told("a", version)
    };
    let same = ["pub enum a::E", "pub a::E::One", "pub fn a::f(u8)", "#[non_exhaustive] pub enum a::N"];
    assert_eq!(told(&same, "0.1.0"), "");
    assert_eq!(
        told(&[same[0], same[1], "pub fn a::f(u16)", same[3]], "0.1.1"),
        "breaking: bump the version of a, which is still 0.1.1, or put it back\n  - pub fn a::f(u8)\n\
         added: record it, if it is meant to stay (a method that a trait requires is breaking)\n  + pub fn a::f(u16)\n"
    );
    let more = |line| told(&[same[0], same[1], same[2], same[3], line], "0.1.0");
    assert!(more("pub fn a::g()").starts_with("added"));
    assert!(more("pub a::N::Two").starts_with("added"));
    assert!(more("pub a::E::Two(u8)").starts_with("breaking"));
    assert!(more("pub a::E::Two").starts_with("breaking"));
    assert!(more("pub enum a::E").starts_with("added"), "the same line twice");
    assert!(told(&same[..2], "0.2.0").starts_with("breaking, as a 0.2.0 may be after 0.1.0"));
}

#[test]
fn versions_step_as_semver_says() {
    assert!(
        is_breaking_step("0.1.9", "0.2.0") && is_breaking_step("0.9.0", "1.0.0") && is_breaking_step("1.2.0", "2.0.0")
    );
    assert!(!is_breaking_step("0.1.0", "0.1.1") && !is_breaking_step("1.0.0", "1.1.0"));
}
