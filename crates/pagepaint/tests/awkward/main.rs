//! Pages that are not nice: each is painted, or refused with a limit that has a name. None panics, none hangs.

mod css;
mod encodings;
mod html;
mod images;

use pagepaint::{Error, Limits, Offline, Page, Painter, Painting, StageName};

/// An awkward page, and what is to come of it.
struct Awkward {
    name: &'static str,
    page: Page,
    resources: Offline,
    outcome: Outcome,
    /// What is to be true of the painting.
    check: fn(&Painting),
}

/// What is to come of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// A picture.
    Painted,
    /// An error that names this field of [`Limits`].
    Refused(&'static str),
    /// An error that says that the engine panicked, in this stage: known bugs of it. A page that is painted one day is no failure.
    Breaks(StageName),
}

/// Where the pages are from.
const BASE: &str = "https://awkward.test/";

/// Long enough for any machine: a page that needs as much hangs.
const TIME_MAX_MS: u64 = 300_000;

/// What the process may have used at most when all pages are through: a bit more than the largest of them needs.
#[cfg(target_os = "linux")]
const MEMORY_BYTES_MAX: u64 = 1_500 * 1024 * 1024;

/// A page that is to be painted.
fn painted(name: &'static str, html: impl Into<Vec<u8>>) -> Awkward {
    let page =
        Page { url: BASE.to_owned(), content_type: Some("text/html; charset=utf-8".to_owned()), bytes: html.into() };
    Awkward { name, page, resources: Offline::default(), outcome: Outcome::Painted, check: |_| () }
}

/// A page that is to be refused.
fn refused(name: &'static str, html: impl Into<Vec<u8>>, limit: &'static str) -> Awkward {
    Awkward { outcome: Outcome::Refused(limit), ..painted(name, html) }
}

impl Awkward {
    fn with(mut self, path: &str, content_type: &str, bytes: impl Into<Vec<u8>>) -> Self {
        self.resources = self.resources.with(&format!("{BASE}{path}"), content_type, bytes);
        self
    }

    fn redirecting(mut self, from: &str, to: &str) -> Self {
        self.resources = self.resources.with_redirect(&format!("{BASE}{from}"), &format!("{BASE}{to}"));
        self
    }

    fn checked(self, check: fn(&Painting)) -> Self {
        Self { check, ..self }
    }

    /// The engine is known not to stand it.
    fn breaking(self, stage: StageName) -> Self {
        Self { outcome: Outcome::Breaks(stage), ..self }
    }

    /// As the server calls it.
    fn served_as(mut self, content_type: &str) -> Self {
        self.page.content_type = Some(content_type.to_owned());
        self
    }

    /// What is wrong with what came of it.
    async fn verdict(&self, painter: &Painter) -> Option<String> {
        match (painter.paint(&self.page, &self.resources).await, self.outcome) {
            (Ok(_), Outcome::Refused(limit)) => Some(format!("{}: painted, although it exceeds {limit}", self.name)),
            (Ok(painting), Outcome::Painted | Outcome::Breaks(_)) => {
                let pixels = painting.picture.width as usize * painting.picture.height as usize;
                assert_eq!(painting.picture.rgba.len(), pixels * 4, "{}", self.name);
                (self.check)(&painting);
                None
            }
            (Err(Error::Limit { limit, found, max }), Outcome::Refused(expected))
                if limit == expected && found > max =>
            {
                None
            }
            (Err(Error::Engine { stage, .. }), Outcome::Breaks(expected)) if stage == expected => None,
            (Err(error), _) => Some(format!("{}: {error}", self.name)),
        }
    }
}

/// Why the first resource is not used.
fn first_error(painting: &Painting) -> &str {
    painting.resources.first().and_then(|resource| resource.error.as_deref()).unwrap_or_default()
}

#[tokio::test]
async fn every_awkward_page_is_painted_or_refused() {
    let limits = Limits { time_max_ms: TIME_MAX_MS, ..Limits::default() };
    let painter = Painter { width: 320, height: 240, limits, ..Painter::default() };
    let pages = [html::pages(), css::pages(), encodings::pages(), images::pages()];
    let pages: Vec<Awkward> = pages.into_iter().flatten().collect();
    assert!(pages.len() >= 50, "{} pages", pages.len());
    let mut wrong = Vec::new();
    for awkward in &pages {
        let begun = std::time::Instant::now();
        wrong.extend(awkward.verdict(&painter).await);
        // Shown if the test fails, or with --nocapture: what takes long is worth a look.
        {
            println!("{:>7.1} s, {} MiB: {}", begun.elapsed().as_secs_f64(), memory_bytes() >> 20, awkward.name);
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    #[cfg(target_os = "linux")]
    assert!((1..MEMORY_BYTES_MAX).contains(&memory_bytes()), "{} bytes of memory", memory_bytes());
}

/// The most memory that this process has used so far; 0 where that is not known.
fn memory_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) * 1024
}
