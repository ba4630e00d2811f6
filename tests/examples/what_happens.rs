//! From a URL to bytes.

use std::fs;

use super::{error, folder, run, stdout};

#[test]
fn what_happens_tells_every_step_of_its_lab_and_draws_it() {
    let folder = folder();
    let arguments = "--har a.har --svg a.svg --html a.html --distance-km 10";
    let arguments: Vec<&str> = arguments.split_whitespace().collect();
    let text = stdout(&run("what_happens", folder.path(), &arguments));
    let place = |what: &str| text.find(what).unwrap_or_else(|| panic!("no {what:?} in {text}"));
    // The seed of it all: the steps, in their order, each with its reason.
    let story = [
        "a name means nothing to the network",
        "SYN, SYN-ACK, ACK",
        "TLS 1.3, TLS_",
        "Diffie-Hellman",
        "GET / HTTP/2",
        "the answer begins: 200 OK",
        "in all:",
        "light in a straight fibre",
        "✓ every step succeeded",
    ];
    assert!(story.map(place).is_sorted(), "{text}");
    assert!(!text.contains('\u{1b}'), "colours are for a terminal");
    let read = |name: &str| fs::read_to_string(folder.path().join(name)).expect("a file");
    let har: serde_json::Value = serde_json::from_str(&read("a.har")).expect("JSON");
    assert_eq!(har["log"]["entries"][0]["response"]["status"], 200);
    assert!(read("a.svg").starts_with("<svg ") && read("a.html").starts_with("<!doctype html>"));
    let json = stdout(&run("what_happens", folder.path(), &["--json"]));
    let report: netprobe::Report = serde_json::from_str(&json).expect("a report");
    assert_eq!(report.error, None);
    assert!(report.hops[0].resolution.as_ref().is_some_and(|resolution| resolution.walk.is_some()));
}

#[test]
fn what_happens_stands_in_monitoring() {
    let folder = folder();
    let met = run("what_happens", folder.path(), &["--slo", "ttfb=600s", "--slo", "proxy=0ms", "--metrics", "m.txt"]);
    assert_eq!(met.status.code(), Some(0), "{met:?}");
    let metrics = fs::read_to_string(folder.path().join("m.txt")).expect("a file");
    assert!(
        metrics.contains("phase=\"dns\"} 0.")
            && metrics.contains("netprobe_http_status{url=\"https://www.whiteboard.test:"),
        "{metrics}"
    );
    assert!(metrics.ends_with("} 1\n# EOF\n"), "{metrics}");
    let json = run("what_happens", folder.path(), &["--slo", "total=0ms", "--json"]);
    let parsed: serde_json::Value = serde_json::from_slice(&json.stdout).expect("JSON");
    assert_eq!((json.status.code(), parsed["missed_objectives"].as_array().map(Vec::len)), (Some(1), Some(1)));
    let missed = run("what_happens", folder.path(), &["--slo", "ttfb=1us"]);
    assert_eq!(missed.status.code(), Some(1));
    let text = String::from_utf8(missed.stdout).expect("UTF-8");
    assert!(text.contains("✗ ttfb took ") && text.contains("the objective is 1.00 µs"), "{text}");
    assert_eq!(run("what_happens", folder.path(), &["--slo", "speed=1ms"]).status.code(), Some(2));
    for secret in [["--proxy", "ftp://u:s3cret@x"], ["--proxy", "u:s3cret@x:y"], ["--dns", "https://u:s3cret@x/"]] {
        let refused = run("what_happens", folder.path(), &secret);
        let text = String::from_utf8(refused.stderr).expect("UTF-8");
        assert_eq!(refused.status.code(), Some(2), "{text}");
        assert!(text.starts_with("error: ") && text.contains("redacted@x") && !text.contains("s3cret"), "{text}");
        assert!(text.contains("Usage: what_happens "), "{text}");
    }
}

#[test]
fn what_happens_goes_on_while_a_server_dies() {
    for (policy, victim_first) in [("--balance", true), ("--balance=least-connections", false)] {
        let json = stdout(&run("what_happens", folder().path(), &[policy, "--json"]));
        let report: netprobe::Report = serde_json::from_str(&json).expect("a report");
        assert_eq!(report.error, None);
        let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
        let requests = json["server_side"]["requests"].as_array().expect("requests");
        assert_eq!(requests.len(), 3 * 3 + 2, "{requests:#?}");
        assert!(requests.iter().all(|request| request["step"]["error"].is_null()), "{requests:#?}");
        let answered = |range: std::ops::Range<usize>| requests[range].iter().any(|one| one["answered_by"] == "web-2");
        assert!(!answered(4..7), "the dead do not answer: {requests:#?}");
        assert!(!victim_first || (answered(0..3) && answered(8..11)), "{requests:#?}");
    }
    let text = stdout(&run("what_happens", folder().path(), &["--balance"]));
    let parts = ["the server side: 3 servers", "web-2 dies", "web-2 is back", "✓ every step succeeded"];
    let places = parts.map(|part| text.rfind(part).unwrap_or_else(|| panic!("no {part:?} in {text}")));
    assert!(places.is_sorted(), "{text}");
    assert_eq!(run("what_happens", folder().path(), &["a.test", "--balance"]).status.code(), Some(2));
}

#[test]
fn what_happens_shows_the_path() {
    let text = stdout(&run("what_happens", folder().path(), &["--path"]));
    assert!(text.contains("the path to 127.0.1.1\n"), "{text}");
    if cfg!(target_os = "linux") {
        assert!(text.contains("127.0.1.1 is 1 hop away") || text.contains("cannot be shown"), "{text}");
    }
}

#[test]
fn what_happens_goes_through_the_labs_proxies() {
    for (how, expected) in [("http", "http://127.0.3.1:"), ("socks5", "socks5h://127.0.3.2:")] {
        let text = stdout(&run("what_happens", folder().path(), &["--lab-proxy", how]));
        assert!(text.contains(expected) && text.contains(" is asked to connect to www.whiteboard.test:"), "{text}");
    }
}

#[test]
fn what_happens_says_who_it_is() {
    let folder = folder();
    let text = stdout(&run("what_happens", folder.path(), &["--lab-tls", "client-cert"]));
    let asked =
        "· the server asked for a client certificate of CN=Whiteboard Lab Clients: that of a known client was sent";
    assert!(text.contains(asked), "{text}");
    let lab = netprobe::Lab::start().expect("a lab");
    let (certificate, key) = lab.client_pem();
    for (name, pem) in [("cert", certificate), ("key", key), ("root", lab.root_pem())] {
        fs::write(folder.path().join(name), pem).expect("a file");
    }
    fs::write(folder.path().join("both"), certificate.to_owned() + key).expect("a file");
    let (url, resolve) =
        (lab.host_url("clients", "/"), format!("clients.whiteboard.test:{}:127.0.1.1", lab.https_port()));
    let visit = |identity: &[&str]| {
        let arguments = [&[&*url, "--resolve", &resolve, "--cacert", "root"], identity].concat();
        run("what_happens", folder.path(), &arguments)
    };
    for identity in [&["--cert", "cert", "--key", "key"][..], &["--cert", "both"]] {
        assert!(stdout(&visit(identity)).contains("✓ every step succeeded"), "{identity:?}");
    }
    let refused = visit(&[]);
    let text = String::from_utf8_lossy(&refused.stdout);
    assert!(text.contains("and none was sent (the alert CertificateRequired)"), "{text}");
    let unusable = error(&visit(&["--cert", "cert"]));
    assert_eq!(unusable, "error: the client certificate cannot be used: there is no private key in the PEM text");
}

#[test]
fn a_request_goes_with_the_clienthello_and_a_name_is_hidden_in_it() {
    let folder = folder();
    let text = stdout(&run("what_happens", folder.path(), &["--lab-tls", "early-data"]));
    assert!(text.contains("; the request went with the first message: "), "{text}");
    let text = stdout(&run("what_happens", folder.path(), &["--ech", "grease"]));
    assert!(text.contains("; what looked like a hidden name meant nothing (GREASE)"), "{text}");
    let text = stdout(&run("tls_xray", folder.path(), &["--early-data"]));
    for part in [
        "\nfirst visit    full, ",
        "\nthird visit    resumed, ",
        "of early data accepted; round trips before the request is heard: 0; ",
    ] {
        assert!(text.contains(part), "{part:?} is not in:\n{text}");
    }
    for part in ["\nrevoked?       stapled: not revoked, as of ", "known to the log "] {
        assert!(text.contains(part), "{part:?} is not in:\n{text}");
    }
    let text = stdout(&run("break_it", folder.path(), &["early-data-rejected", "early-data-replayed", "too-early"]));
    for part in [
        "of early data were rejected, and sent again",
        "the request arrived 2 times",
        "425 Too Early: the server wants it again",
    ] {
        assert!(text.contains(part), "{part:?} is not in:\n{text}");
    }
}

#[test]
fn what_happens_sends_what_curl_would() {
    let folder = folder();
    fs::write(folder.path().join("body"), "a=b\r\nc=d\n").expect("a file");
    let report = |arguments: &[&str]| -> netprobe::Report {
        let arguments = [arguments, &["--json"]].concat();
        serde_json::from_str(&stdout(&run("what_happens", folder.path(), &arguments))).expect("a report")
    };
    for (arguments, method, bytes) in [
        (&["-d", "@body", "-d", "e=f"][..], "POST", Some(10)),
        (&["--data-binary", "@body", "-X", "PUT"], "PUT", Some(9)),
        (&["--method", "DELETE"], "DELETE", None),
        (&["-I"], "HEAD", None),
    ] {
        let report = report(arguments);
        let exchange = report.answer().expect("an answer");
        assert_eq!((exchange.method.as_str(), exchange.upload_bytes), (method, bytes), "{arguments:?}");
    }
    let report = report(&["-H", "X-Mine: 1", "-H", "accept:", "-H", "x-empty;"]);
    let sent = &report.answer().expect("an answer").request_headers;
    let value = |name: &str| sent.iter().find(|header| header.name == name).map(|header| header.value.as_str());
    assert_eq!((value("x-mine"), value("accept"), value("x-empty")), (Some("1"), None, Some("")));
    for wrong in [&["-H", "nonsense"][..], &["-I", "-d", "x"], &["-d", "x", "--data-binary", "y"]] {
        assert_eq!(run("what_happens", folder.path(), wrong).status.code(), Some(2), "{wrong:?}");
    }
    let missing = error(&run("what_happens", folder.path(), &["-d", "@missing"]));
    assert!(missing.starts_with("error: cannot read \"missing\": "), "{missing}");
}

#[cfg(target_os = "linux")]
#[test]
fn what_happens_begins_at_the_key() {
    use std::io::Write;
    use std::process::{Command, Stdio};

    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    use rustix::termios::{LocalModes, tcgetattr};

    let none = error(&run("what_happens", folder().path(), &["--press"]));
    assert_eq!(none, "error: waiting for a key needs a terminal, and the input is none");

    let mut user: fs::File = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a pseudo-terminal").into();
    grantpt(&user).and_then(|()| unlockpt(&user)).expect("its other end");
    let name = ptsname(&user, Vec::new()).expect("a name").into_string().expect("UTF-8");
    let terminal = fs::OpenOptions::new().read(true).write(true).open(name).expect("its other end");
    let example = super::build("what_happens");
    let press = |arguments: &[&str]| {
        let mut command = Command::new(&example);
        command.args(arguments).stdin(Stdio::from(terminal.try_clone().expect("a terminal")));
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the example runs");
        let is_cooked = || tcgetattr(&terminal).expect("a mode").local_modes.contains(LocalModes::ICANON);
        while is_cooked() {
            std::thread::yield_now();
        }
        child
    };
    let child = press(&["--press", "--json"]);
    user.write_all(b"\r").expect("typed");
    let output = child.wait_with_output().expect("it ends");
    assert!(String::from_utf8_lossy(&output.stderr).starts_with("press Enter to visit https://www.whiteboard.test"));
    let report: netprobe::Report = serde_json::from_str(&stdout(&output)).expect("a report");
    assert!(report.key_press.is_some_and(|press| press.to_first_query_ns.is_some()));

    // A signal from elsewhere leaves the terminal as it was.
    let child = press(&["--press"]);
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("a signal");
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("cancelled"), "{output:?}");
    assert!(tcgetattr(&terminal).expect("a mode").local_modes.contains(LocalModes::ICANON | LocalModes::ECHO));
}

#[test]
fn what_happens_fails_when_a_step_fails() {
    let folder = folder();
    fs::write(folder.path().join("empty.pem"), "").expect("a file");
    let unused = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = unused.local_addr().expect("an address").port();
    drop(unused);
    let (url, resolve) = (format!("http://a.test:{port}"), format!("a.test:{port}:127.0.0.1"));
    let failed = run("what_happens", folder.path(), &[&url, "--resolve", &resolve]);
    assert_eq!(failed.status.code(), Some(1));
    let text = String::from_utf8(failed.stdout).expect("UTF-8");
    assert!(text.contains("✗ a.test: none of 1 attempts connected"), "{text}");
    let elsewhere =
        run("what_happens", folder.path(), &["http://a.test", "--connect-to", &format!("a.test::127.0.0.1:{port}")]);
    assert!(
        String::from_utf8_lossy(&elsewhere.stdout).contains("✗ 127.0.0.1: none of 1 attempts connected"),
        "{elsewhere:?}"
    );
    let failed = run("what_happens", folder.path(), &["ftp://a.test"]);
    assert_eq!(failed.status.code(), Some(1));
    for (arguments, expected) in [
        ("--cacert missing", "error: cannot read \"missing\": "),
        ("--svg no/such/folder", "error: cannot write \"no/such/folder\": "),
    ] {
        let arguments: Vec<&str> = arguments.split_whitespace().collect();
        let error = error(&run("what_happens", folder.path(), &arguments));
        assert!(error.starts_with(expected), "{arguments:?}: {error}");
    }
    // Nothing is written, and nobody visited, when one of the places cannot be written to.
    let refused = run("what_happens", folder.path(), &["--har", "a.har", "--html", "no/such/folder", "--svg", "a.svg"]);
    assert!(refused.stdout.is_empty() && error(&refused).starts_with("error: cannot write \"no/such/folder\": "));
    let there: Vec<_> =
        fs::read_dir(folder.path()).expect("a folder").map(|entry| entry.expect("an entry").file_name()).collect();
    assert_eq!(there, ["empty.pem"]);
    assert_eq!(run("what_happens", folder.path(), &["--resolve", "a.test"]).status.code(), Some(2));
    assert_eq!(run("what_happens", folder.path(), &["--connect-to", "a.test:1"]).status.code(), Some(2));
    assert_eq!(run("what_happens", folder.path(), &["-4", "-6"]).status.code(), Some(2));
    for distance in ["NaN", "inf", "0", "far"] {
        assert_eq!(
            run("what_happens", folder.path(), &["--distance-km", distance]).status.code(),
            Some(2),
            "{distance}"
        );
    }
}
