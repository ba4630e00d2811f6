//! A server that answers as a test wants it.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// A server on loopback.
pub(crate) struct Server {
    listener: Option<TcpListener>,
    /// Where it is.
    pub(crate) url: String,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Its port is known before it answers: two of them may name each other.
    pub(crate) fn bound() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        Self { listener: Some(listener), url, heads: Arc::default() }
    }

    /// Answers every request with what `answer` makes of its path; with nothing, if there is none.
    pub(crate) fn serve(&mut self, answer: impl Fn(&str) -> Option<String> + Send + 'static) {
        let (listener, heads) = (self.listener.take().expect("it does not serve yet"), Arc::clone(&self.heads));
        std::thread::spawn(move || {
            let mut unanswered: Vec<TcpStream> = Vec::new();
            for mut stream in listener.incoming().flatten() {
                let lines = BufReader::new(&stream).lines().map_while(Result::ok).take_while(|line| !line.is_empty());
                let head: String = lines.map(|line| line + "\n").collect();
                let answered = answer(head.split(' ').nth(1).unwrap_or_default());
                heads.lock().expect("no panic").push(head.to_ascii_lowercase());
                match answered {
                    Some(answered) => drop(stream.write_all(answered.as_bytes())),
                    None => unanswered.push(stream),
                }
            }
        });
    }

    /// The heads of requests since the last time, in lower case.
    pub(crate) fn heads(&self) -> Vec<String> {
        std::mem::take(&mut *self.heads.lock().expect("no panic"))
    }
}

/// An answer with a body.
pub(crate) fn answered(kind: &str, body: &str) -> Option<String> {
    let length = body.len();
    Some(format!(
        "HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    ))
}

/// A redirect.
pub(crate) fn moved(to: &str) -> Option<String> {
    Some(format!("HTTP/1.1 302 Found\r\nlocation: {to}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"))
}
