//! A server that thousands use and that we did not write, and a client of that kind at the lab's. Needs Debian's nginx and curl:
//! `cargo test -p netprobe --test lab nginx:: -- --ignored`.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use netprobe::http::Protocol;
use netprobe::tls::{Alpn, Roots};
use netprobe::{Fault, Lab, Override, Probe};

/// A running nginx, stopped when dropped.
struct Nginx {
    child: Child,
    folder: tempfile::TempDir,
    port: u16,
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}

fn write(folder: &Path, name: &str, text: &str) {
    fs::write(folder.join(name), text).expect("a file");
}

fn nginx() -> Nginx {
    let folder = tempfile::tempdir().expect("a folder");
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).expect("a key");
    let params = rcgen::CertificateParams::new(vec!["nginx.test".to_owned()]).expect("a name");
    let certificate = params.self_signed(&key).expect("a certificate");
    write(folder.path(), "cert.pem", &certificate.pem());
    write(folder.path(), "key.pem", &key.serialize_pem());
    fs::create_dir(folder.path().join("html")).expect("a folder");
    write(folder.path(), "html/index.html", &"<p>whiteboard</p>\n".repeat(500));
    let port = free_port();
    let configuration = format!(
        "daemon off; master_process off; pid nginx.pid; error_log stderr;\nevents {{}}\nhttp {{\n  access_log off;\n  \
         client_body_temp_path t1; proxy_temp_path t2; fastcgi_temp_path t3; uwsgi_temp_path t4; scgi_temp_path t5;\n  \
         gzip on; gzip_types text/html;\n  server {{\n    listen 127.0.0.1:{port} ssl http2;\n    server_name nginx.test;\n    \
         ssl_certificate cert.pem; ssl_certificate_key key.pem;\n    root html;\n    location /moved {{ return 301 /; }}\n  }}\n}}\n"
    );
    write(folder.path(), "nginx.conf", &configuration);
    let mut command = Command::new("nginx");
    command.arg("-p").arg(folder.path()).arg("-c").arg("nginx.conf").stderr(Stdio::null());
    let mut child = command.spawn().expect("Debian's nginx");
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert_eq!(child.try_wait().expect("a status"), None, "nginx ended");
        std::thread::sleep(Duration::from_millis(5));
    }
    Nginx { child, folder, port }
}

#[tokio::test]
#[ignore = "needs nginx and curl"]
async fn both_versions_of_http_give_what_curl_gets() {
    let nginx = nginx();
    let pem = fs::read(nginx.folder.path().join("cert.pem")).expect("a certificate");
    let known =
        Override { host: "nginx.test".to_owned(), port: nginx.port, address: "127.0.0.1".parse().expect("an address") };
    let url = format!("https://nginx.test:{}/moved", nginx.port);
    for (alpn, protocol, flag) in [(Alpn::Any, Protocol::Http2, "--http2"), (Alpn::Http1, Protocol::Http1, "--http1.1")]
    {
        let probe = Probe { overrides: vec![known.clone()], roots: Roots::Pem(pem.clone()), alpn, ..Probe::default() };
        let report = probe.run(&url).await;
        assert_eq!(report.error, None, "{report:#?}");
        let answer = report.answer().expect("an answer");
        assert_eq!((answer.protocol, answer.status, report.hops.len()), (protocol, Some(200), 2));
        assert_eq!(answer.content_encoding.as_deref(), Some("gzip"));
        let curl = Command::new("curl")
            .args(["--silent", "--show-error", "--location", "--compressed", flag, "--cacert"])
            .arg(nginx.folder.path().join("cert.pem"))
            .args(["--resolve", &format!("nginx.test:{}:127.0.0.1", nginx.port), &url])
            .output()
            .expect("curl");
        assert!(curl.status.success(), "{}", String::from_utf8_lossy(&curl.stderr));
        assert_eq!(curl.stdout, answer.body);
    }
}

/// curl's exit status for a staple that does not say that the certificate is good.
const CURLE_SSL_INVALIDCERTSTATUS: i32 = 91;

#[test]
#[ignore = "needs curl"]
fn curl_finds_in_the_labs_staples_what_they_say() {
    let lab = Lab::start().expect("a lab");
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), "root.pem", lab.root_pem());
    for (host, status, told) in [
        ("www.whiteboard.test".to_owned(), 0, ""),
        ("tls12.whiteboard.test".to_owned(), 0, ""),
        (Fault::RevokedStaple.host(), CURLE_SSL_INVALIDCERTSTATUS, "revocation reason: keyCompromise"),
        (Fault::StaleStaple.host(), CURLE_SSL_INVALIDCERTSTATUS, "OCSP response has expired"),
    ] {
        let port = lab.https_port();
        let curl = Command::new("curl")
            .args(["--silent", "--show-error", "--cert-status", "--output", "/dev/null", "--cacert"])
            .arg(folder.path().join("root.pem"))
            .args(["--resolve", &format!("{host}:{port}:127.0.1.1"), &format!("https://{host}:{port}/")])
            .output()
            .expect("curl");
        let said = String::from_utf8_lossy(&curl.stderr);
        assert!(curl.status.code() == Some(status) && said.contains(told), "{host}: {:?}: {said}", curl.status);
    }
}
