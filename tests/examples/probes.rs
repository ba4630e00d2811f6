//! One part of the way at a time, or many ways.

use std::fs;

use super::{error, folder, run, stdout};

#[test]
fn tls_xray_shows_the_chain_and_what_a_second_visit_saves() {
    let text = stdout(&run("tls_xray", folder().path(), &[]));
    for expected in
        ["TLS 1.3", "X25519MLKEM768: also resists", "first visit    full", "second visit   resumed", "days left"]
    {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    assert!(text.contains("without HTTP/2 http/1.1"), "{text}");
    let text = stdout(&run("tls_xray", folder().path(), &["--scan"]));
    let parts = [
        "TLS 1.3        accepted",
        "suites TLS_AES_",
        "groups X25519MLKEM768",
        "TLS 1.0        declined with the alert ",
    ];
    assert!(parts.map(|part| text.find(part).unwrap_or_else(|| panic!("no {part:?} in {text}"))).is_sorted(), "{text}");
    let json = stdout(&run("tls_xray", folder().path(), &["--scan", "--json"]));
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(
        (json["handshakes"].as_array().map(Vec::len), &json["scan"]["error"]),
        (Some(3), &serde_json::Value::Null)
    );
    let error = error(&run("tls_xray", folder().path(), &["http://127.0.0.1:1"]));
    assert!(error.starts_with("error: 127.0.0.1: none of 1 attempts connected"), "{error}");
}

#[test]
fn probe_many_has_percentiles_of_every_phase() {
    let output = run("probe_many", folder().path(), &["-n", "3"]);
    let text = stdout(&output);
    assert!(output.stderr.is_empty(), "a progress bar is for a terminal");
    for expected in ["cold", "resumed", "p99", "DNS", "TLS", "total"] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    let json = stdout(&run("probe_many", folder().path(), &["-n", "2", "--json"]));
    let series: netprobe::Series = serde_json::from_str(&json).expect("a series");
    assert_eq!((series.cold.len(), series.resumed.len()), (2, 2));
    let error = error(&run("probe_many", folder().path(), &["ftp://a.test", "-n", "1"]));
    assert!(error.starts_with("error: 2 of 2 probes failed; the first: "), "{error}");
}

#[test]
fn probe_many_reads_urls_and_prints_a_line_of_json_for_each() {
    use std::io::{BufRead, BufReader, Write};
    use std::process::{Command, Stdio};

    let (lab, folder) = (netprobe::Lab::start().expect("a lab"), folder());
    fs::write(folder.path().join("root.pem"), lab.root_pem()).expect("a file");
    let known = format!("www.whiteboard.test:{}:127.0.1.1", lab.https_port());
    let example = super::build("probe_many");
    let start = |further: &[&str]| {
        let mut command = Command::new(&example);
        command.args(["-", "--cacert", "root.pem", "--resolve", &known]).args(further).current_dir(folder.path());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the example runs")
    };
    let lines = |output: &std::process::Output| -> Vec<serde_json::Value> {
        let text = String::from_utf8(output.stdout.clone()).expect("UTF-8");
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    };
    let long = "a".repeat(netprobe::url::URL_BYTES_MAX + 5_000);
    let input = format!("# a list\n\n{}\nftp://a.test\n{long}\n{}", lab.url("/hop"), lab.url("/status/404"));
    for parallel_max in ["1", "50"] {
        let mut child = start(&["--parallel-max", parallel_max]);
        child.stdin.take().expect("an input").write_all(input.as_bytes()).expect("written");
        let output = child.wait_with_output().expect("it ends");
        assert_eq!(output.status.code(), Some(1), "two are no URLs");
        assert_eq!(
            String::from_utf8_lossy(&output.stderr),
            "error: 2 of 4 probes failed\n",
            "no bar without a terminal"
        );
        let mut lines = lines(&output);
        lines.sort_by_key(|line| line["line"].as_u64());
        let told = |key: &str| lines.iter().map(|line| line[key].clone()).collect::<Vec<_>>();
        assert_eq!(told("line"), [3, 4, 5, 6]);
        assert_eq!(
            told("status"),
            [Some(200), None, None, Some(404)].map(|status: Option<u16>| serde_json::Value::from(status))
        );
        assert_eq!((&lines[0]["redirects"], lines[0]["error"].is_null()), (&1.into(), true));
        assert!(lines[1]["error"]["url"]["scheme"].is_object() && lines[2]["error"]["url"]["too_long"].is_object());
        assert!(lines[3]["phases_ns"]["tls"].as_u64().is_some_and(|ns| ns > 0));
    }
    // The answer to a line comes while the input is still open; a reader that has seen enough ends it quietly.
    let mut child = start(&["--json"]);
    let mut urls = child.stdin.take().expect("an input");
    writeln!(urls, "{}", lab.url("/")).expect("written");
    let mut reader = BufReader::new(child.stdout.take().expect("an output"));
    let mut line = String::new();
    reader.read_line(&mut line).expect("a line");
    assert_eq!(serde_json::from_str::<netprobe::Report>(&line).expect("a report").error, None);
    drop(reader);
    writeln!(urls, "{}", lab.url("/")).expect("written");
    let output = child.wait_with_output().expect("it ends");
    assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stderr).as_ref()), (Some(0), ""));
    drop(urls);
    assert_eq!(run("probe_many", folder.path(), &["-", "--parallel-max", "0"]).status.code(), Some(2));
}

#[test]
fn break_it_names_what_is_broken() {
    let text =
        stdout(&run("break_it", folder().path(), &["expired-certificate", "not-tls", "redirect-loop", "downgrade"]));
    for expected in
        ["expired 10 days ago", "what answers is not TLS", "go in a circle", "survived: ", "ERR_TOO_MANY_REDIRECTS"]
    {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    assert!(text.ends_with("4 faults: 3 ended the visit and were named, 1 were survived\n"), "{text}");
    let text = stdout(&run("break_it", folder().path(), &["lost-query"]));
    assert!(text.contains("got the query when it was sent again"), "{text}");
    assert_eq!(run("break_it", folder().path(), &["no-such-fault"]).status.code(), Some(2));
}

#[test]
fn dns_walk_tells_who_knows_and_why_they_are_believed() {
    let folder = folder();
    let text = stdout(&run("dns_walk", folder.path(), &[]));
    for part in [
        "www.whiteboard.test. means nothing to the network.",
        "→ ask the servers of test., NOERROR [] (",
        "→ ask the servers of whiteboard.test., NOERROR [] (",
        "→ the answer, NOERROR [aa] (",
        "The chain of trust, from the key that is known in advance:",
        "www.whiteboard.test. A 127.0.1.1 (for 300 s)",
        "DNSSEC: secure",
        "6 queries in ",
    ] {
        assert!(text.contains(part), "{part:?} is not in:\n{text}");
    }
    let json = stdout(&run("dns_walk", folder.path(), &["--json"]));
    let walk: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(walk["queries"].as_array().map(Vec::len), Some(6));
    assert_eq!(walk["lookups"][0]["dnssec"], "secure");

    // Nobody listens there.
    let arguments = ["a.test", "--roots", "127.0.2.99", "--dns-port", "9", "--timeout-ms", "50"];
    let nobody = error(&run("dns_walk", folder.path(), &arguments));
    assert!(nobody.starts_with("error: no server of . gave a usable answer: "), "{nobody}");
    let none = error(&run("dns_walk", folder.path(), &["--type", "AAAA"]));
    let expected = "error: www.whiteboard.test. exists but has no AAAA records, says whiteboard.test., and may be \
                    believed for 60 s";
    assert_eq!(none, expected);
    assert_eq!(run("dns_walk", folder.path(), &["--type", "NONSENSE"]).status.code(), Some(2));
}

#[test]
fn dns_walk_asks_everybody_and_says_what_a_site_says_of_itself() {
    let folder = folder();
    let text = stdout(&run("dns_walk", folder.path(), &["--all"]));
    for part in [
        "www.whiteboard.test. A? is put to every server of every zone on the way.",
        "\ntest.: asked at 1 address, all agree\n  1 of 1: ask ns1.whiteboard.test. of whiteboard.test.",
        "ns1.whiteboard.test. (127.0.2.4",
        "): version 1, the answer",
        "The fastest way down: a.root.test. (",
        "\n6 queries in ",
    ] {
        assert!(text.contains(part), "{part:?} is not in:\n{text}");
    }
    let json = stdout(&run("dns_walk", folder.path(), &["--all", "--json", "--type", "A,TXT"]));
    let surveys: Vec<netprobe::dns::Survey> = serde_json::from_str(&json).expect("surveys");
    assert_eq!(surveys.iter().map(|survey| survey.zones.len()).collect::<Vec<_>>(), [3, 3]);
    assert_eq!(run("dns_walk", folder.path(), &["--all", "--minimise"]).status.code(), Some(2));

    let text = stdout(&run("dns_walk", folder.path(), &["--warm"]));
    for part in ["\nnothing  ", "  6 queries, ", "remembered: whiteboard.test. NS, for "] {
        assert!(text.contains(part), "{part:?} is not in:\n{text}");
    }
    let json = stdout(&run("dns_walk", folder.path(), &["--warm", "--json"]));
    let rounds: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!([0, 1, 2].map(|round| rounds[round]["queries"].as_u64()), [Some(6), Some(1), Some(0)]);
    assert_eq!(rounds[2]["saved_queries"], 6);

    let text = stdout(&run("dns_walk", folder.path(), &["--type", "HTTPS"]));
    assert!(text.contains("www.whiteboard.test. HTTPS 1 . alpn="), "{text}");
    assert!(text.contains("www.whiteboard.test. offers h2, http/1.1 on port "), "{text}");
}
