//! The first program of a README, made whole in the way in which rustdoc makes a documentation test whole.

/// A program, and whether it is to be run or only compiled.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Program {
    pub(crate) source: String,
    pub(crate) runs: bool,
}

impl Program {
    /// The first code block that is Rust.
    pub(crate) fn first_of(readme: &str) -> Option<Self> {
        let mut lines = readme.lines();
        let words = lines.by_ref().find_map(|line| line.strip_prefix("```rust"))?;
        let runs = !words.split([',', ' ']).any(|word| word == "no_run");
        let shown = lines.take_while(|line| !line.starts_with("```")).map(|line| match line {
            // What is hidden in the documentation.
            "#" => "",
            line => line.strip_prefix("# ").unwrap_or(line),
        });
        let body: Vec<&str> = shown.collect();
        Some(Self { source: whole(&body), runs })
    }
}

fn whole(body: &[&str]) -> String {
    let text = body.join("\n");
    if text.contains("fn main()") {
        return text;
    }
    if body.last().is_some_and(|last| last.starts_with("Ok")) {
        return format!(
            "fn main() {{\nfn inner() -> Result<(), impl std::fmt::Debug> {{\n{text}\n}}\ninner().unwrap();\n}}\n"
        );
    }
    format!("fn main() {{\n{text}\n}}\n")
}

#[test]
fn a_block_is_made_whole() {
    let program = |readme| Program::first_of(readme).expect("a program");
    let plain = program("# Title\n\n```text\nno\n```\n\n```rust\nlet a = 1;\n# let b = a;\n```\n```rust\nno\n```");
    assert_eq!(plain, Program { source: "fn main() {\nlet a = 1;\nlet b = a;\n}\n".to_owned(), runs: true });
    let own = program("```rust,no_run\nfn main() {}\n```");
    assert_eq!(own, Program { source: "fn main() {}".to_owned(), runs: false });
    assert!(program("```rust\nf()?;\n# Ok::<(), Error>(())\n```").source.contains("inner().unwrap()"));
    assert_eq!(Program::first_of("```text\nno\n```"), None);
}
