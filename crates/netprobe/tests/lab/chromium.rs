//! The page, in a browser: `cargo test -p netprobe --test lab chromium:: -- --ignored`. Needs Debian's chromium.

use std::fs;
use std::process::Command;

use netprobe::{Fault, Lab};

#[tokio::test]
#[ignore = "needs chromium"]
async fn a_page_opens_without_a_word_on_the_console() {
    let lab = Lab::start().expect("a lab");
    let folder = tempfile::tempdir().expect("a folder");
    for (name, url) in
        [("good", lab.url("/hops")), ("hostile", lab.url("/hostile")), ("bad", lab.fault_url(Fault::WrongHost))]
    {
        let report = lab.probe_resolved().run(&url).await;
        let page = folder.path().join(format!("{name}.html"));
        fs::write(&page, report.to_html()).expect("a file");
        let (dom, console) = open(&page, folder.path());
        assert!(dom.contains("What happens:") && dom.contains("</svg>"), "{name}: {dom}");
        assert_eq!(console, Vec::<String>::new(), "{name}");
    }
    // This is what would be seen.
    let page = folder.path().join("wrong.html");
    fs::write(&page, "<!doctype html><title>x</title><script>console.error('seen')</script>").expect("a file");
    let (_, console) = open(&page, folder.path());
    assert!(console.iter().any(|line| line.contains("seen")), "{console:?}");
}

/// The page as the browser understood it, and what it wrote to its console.
fn open(page: &std::path::Path, folder: &std::path::Path) -> (String, Vec<String>) {
    let output = Command::new("chromium")
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--enable-logging=stderr",
            "--v=0",
        ])
        .arg(format!("--user-data-dir={}", folder.join("profile").display()))
        .arg("--dump-dom")
        .arg(format!("file://{}", page.display()))
        .output()
        .expect("Debian's chromium");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let log = String::from_utf8_lossy(&output.stderr).into_owned();
    let console = log.lines().filter(|line| line.contains(":CONSOLE")).map(str::to_owned).collect();
    (String::from_utf8_lossy(&output.stdout).into_owned(), console)
}
