//! A page to a picture.

use std::pin::pin;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use netprobe::Clock;
use url::Url;

use crate::engine::{self, Record, Running, Wishes};
use crate::fetch::{Budget, Fetch, Fetched, fetch_data};
use crate::limits::SIDE_MAX;
use crate::secrets::Secrets;
use crate::{Error, Limits, Page, Painting, Unpainted};

/// What a page without an address is relative to. Nothing is ever fetched from there (RFC 2606 keeps the name free).
pub(crate) const NO_ADDRESS: &str = "https://page.invalid/";

/// The most that a picture is enlarged.
const SCALE_MAX: u32 = 16;

/// How many resources are on their way at a time, as browsers have it for one host.
const FETCHED_AT_ONCE: usize = 6;

/// How a page is painted. Every field has a sensible default:
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// use pagepaint::{Offline, Page, Painter};
///
/// let page = Page::html("<body style='margin: 0'><div style='width: 20px; height: 10px; background: #f00'></div>");
/// let painter = Painter { width: 40, height: 30, ..Painter::default() };
/// let painting = painter.paint(&page, &Offline::default()).await?;
/// assert_eq!(painting.picture.pixel(19, 9), Some([255, 0, 0, 255]));
/// assert_eq!(painting.picture.pixel(20, 10), Some([255, 255, 255, 255]));
/// # Ok::<(), pagepaint::Error>(())
/// # }).unwrap();
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Painter {
    /// The window's width in CSS pixels. Times [`Painter::scale`] it has 1 to [`SIDE_MAX`] pixels of the picture, and so has its height.
    pub width: u32,
    /// Its height in CSS pixels.
    pub height: u32,
    /// Pixels of the picture in a CSS pixel, in each direction: more than 0, at most 16.
    pub scale: f32,
    /// Paint all of the page and not just what is in the window, as far as a picture can be high.
    pub full_page: bool,
    /// How much of a page is taken.
    pub limits: Limits,
    /// Keep user names and passwords readable in what is reported: addresses, style, and the document's attributes.
    pub reveal_secrets: bool,
}

impl Default for Painter {
    fn default() -> Self {
        let limits = Limits::default();
        Self { width: 1_024, height: 768, scale: 1.0, full_page: false, limits, reveal_secrets: false }
    }
}

impl Painter {
    /// Paints a page; what it asks for comes from `fetch`.
    ///
    /// # Errors
    /// [`Error::Size`] and [`Error::Scale`] for a picture that cannot be, [`Error::Url`] and [`Error::NotHtml`] for a page that is none,
    /// [`Error::Limit`] and [`Error::Time`] for one that costs too much, [`Error::Engine`] for one that breaks the engine, and
    /// [`Error::Thread`]. A resource that does not come is no error of the page; [`Painting::resources`] says which did not.
    ///
    /// # Panics
    /// Outside of a tokio runtime with its timers on.
    pub async fn paint(&self, page: &Page, fetch: &impl Fetch) -> Result<Painting, Error> {
        Ok(self.paint_on(&Clock::start(), page, fetch).await?)
    }

    /// The same on a clock that runs already: what came before and the stages have one time axis, then.
    ///
    /// # Errors
    /// As [`Painter::paint`], with the stages and resources that there were until then.
    ///
    /// # Panics
    /// As [`Painter::paint`].
    pub async fn paint_on(&self, clock: &Clock, page: &Page, fetch: &impl Fetch) -> Result<Painting, Box<Unpainted>> {
        let record = Record::start(*clock, Secrets { are_revealed: self.reveal_secrets });
        let painted = self.recorded(&record, page, fetch).await;
        painted.map_err(|error| record.ended(error, page.bytes.len()))
    }

    async fn recorded(&self, record: &Record, page: &Page, fetch: &impl Fetch) -> Result<Painting, Error> {
        self.viewport_pixels()?;
        self.page_url(page)?;
        if let Some(content_type) = page.content_type.clone().filter(|_| !page.is_html()) {
            return Err(Error::NotHtml { url: record.secrets.text(&page.url), content_type });
        }
        let mut running = engine::start(self.clone(), page.clone(), record.clone())?;
        let time = Duration::from_millis(self.limits.time_max_ms);
        let in_time = tokio::time::timeout(time, self.serve(&mut running, fetch, record)).await;
        in_time.unwrap_or_else(|_| Err(Error::Time { stage: record.current(), max_ms: self.limits.time_max_ms }))
    }

    /// Serves the engine until it is done.
    async fn serve(&self, running: &mut Running, fetch: &impl Fetch, record: &Record) -> Result<Painting, Error> {
        let mut budget = Budget::new(&self.limits);
        while let Some(Wishes { first, urls }) = running.wanted.recv().await {
            let all_of_them = (first..).zip(urls).map(|(place, url)| fetched(place, url, fetch, record));
            let mut fetching = pin!(stream::iter(all_of_them).buffered(FETCHED_AT_ONCE));
            let mut all = Vec::new();
            while let Some(mut fetched) = fetching.next().await {
                budget.take(&mut fetched);
                all.push(fetched);
            }
            // It waits for nothing else, so it is there.
            let _ = running.delivered.send(all);
        }
        let done = (&mut running.done).await;
        let gone = || Error::Engine { stage: record.current(), message: "the thread ended without a word".to_owned() };
        done.unwrap_or_else(|_| Err(gone()))
    }

    /// The page's address, or one that leads nowhere.
    pub(crate) fn page_url(&self, page: &Page) -> Result<Url, Error> {
        let text = if page.url.is_empty() { NO_ADDRESS } else { &page.url };
        let url = Url::parse(text).map_err(|error| error.to_string());
        let url = url.and_then(|url| {
            if url.cannot_be_a_base() { Err("nothing can be relative to it".to_owned()) } else { Ok(url) }
        });
        let secrets = Secrets { are_revealed: self.reveal_secrets };
        url.map_err(|reason| Error::Url { url: secrets.text(&page.url), reason })
    }

    /// The window in pixels of the picture.
    pub(crate) fn viewport_pixels(&self) -> Result<(u32, u32), Error> {
        if !(self.scale > 0.0 && self.scale <= SCALE_MAX as f32) {
            return Err(Error::Scale { scale: self.scale.to_string(), max: SCALE_MAX });
        }
        let pixels = |side: u32| (f64::from(side) * f64::from(self.scale)).round();
        let (width, height) = (pixels(self.width), pixels(self.height));
        let is_side = |side: f64| (1.0..=f64::from(SIDE_MAX)).contains(&side);
        let pixels_max = self.limits.picture_pixels_max;
        if !is_side(width) || !is_side(height) || width * height > pixels_max as f64 {
            return Err(Error::Size { width: width as u64, height: height as u64, side_max: SIDE_MAX, pixels_max });
        }
        Ok((width as u32, height as u32))
    }

    /// The picture in pixels, of a page of this height in CSS pixels.
    pub(crate) fn picture_pixels(&self, page_height: f32) -> Result<(u32, u32), Error> {
        let (width, height) = self.viewport_pixels()?;
        if !self.full_page {
            return Ok((width, height));
        }
        let most = (self.limits.picture_pixels_max / u64::from(width)).min(u64::from(SIDE_MAX)) as u32;
        // Whatever is no number, or none that fits, is cut to one that does.
        let whole = (f64::from(page_height) * f64::from(self.scale)).ceil() as u32;
        Ok((width, whole.clamp(height, most)))
    }
}

/// What came from a URL; the record has all but the bytes.
async fn fetched(place: usize, url: Url, fetch: &impl Fetch, record: &Record) -> Fetched {
    record.begun(place);
    let fetching = async {
        if url.scheme() == "data" {
            fetch_data(&url)
        } else if url.as_str().starts_with(NO_ADDRESS) {
            Fetched::failed("relative to a page that has no address")
        } else {
            fetch.fetch(&url).await
        }
    };
    let (mut fetched, span) = record.clock.measure(fetching).await;
    record.came(place, &mut fetched, span);
    fetched
}
