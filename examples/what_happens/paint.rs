//! The page that came, painted: from the last byte to the pixels.

use std::error::Error;
use std::path::Path;

use netprobe::render::{Timeline, escape_json, escape_terminal};
use netprobe::{Clock, Report, Session};
use pagepaint::{Limits, Network, Page, Painter, Painting, Unpainted};
use serde_json::{Value, json};

use crate::files::Written;
use crate::page::PageArguments;

/// What came of the page.
pub(crate) struct Painted(Result<Painting, Box<Unpainted>>);

/// Paints the page that came, if one did, and adds a chapter that says how.
pub(crate) async fn paint(
    (arguments, reveal_secrets): (&PageArguments, bool),
    session: &Session,
    clock: &Clock,
    report: &Report,
    timeline: &mut Timeline,
) -> Option<Painted> {
    arguments.paint.as_ref()?;
    let page = Page::from_report(report).filter(|_| report.error.is_none())?;
    let network = Network::on(session, *clock).asked_by(report);
    let painter = Painter { reveal_secrets, ..painter(arguments) };
    let result = painter.paint_on(clock, &page, &network).await;
    match &result {
        Ok(painting) => {
            timeline.warnings.extend(painting.warnings());
            crate::go_on(timeline, painting.chapter(), painting.busy_ns(), clock);
        }
        Err(unpainted) => {
            timeline.failure.get_or_insert_with(|| unpainted.to_string());
            crate::go_on(timeline, unpainted.chapter(), unpainted.busy_ns(), clock);
        }
    }
    Some(Painted(result))
}

fn painter(arguments: &PageArguments) -> Painter {
    let usual = Painter::default();
    let (width, height) = arguments.window.unwrap_or((usual.width, usual.height));
    let limits = Limits {
        time_max_ms: arguments.page_time_ms.unwrap_or(usual.limits.time_max_ms),
        resources_max: arguments.page_resources.unwrap_or(usual.limits.resources_max),
        resources_total_bytes_max: arguments.page_bytes.map_or(usual.limits.resources_total_bytes_max, saturated),
        ..usual.limits
    };
    Painter { width, height, full_page: arguments.full_page, limits, ..usual }
}

fn saturated(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

/// Has panics of the engine print nothing: they end in the report, where everything else is told. The hook is of the whole process, and so
/// the program's to set.
pub(crate) fn quieten() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if !pagepaint::is_engine_thread() {
            usual(panic);
        }
    }));
}

impl Painted {
    /// How the network went about what the page asked for.
    pub(crate) fn reports(&self) -> Vec<&Report> {
        let resources = match &self.0 {
            Ok(painting) => &painting.resources,
            Err(unpainted) => &unpainted.resources,
        };
        resources.iter().filter_map(|resource| resource.report.as_deref()).collect()
    }

    /// The files that were asked for; none if there is no picture.
    pub(crate) fn files(&self, arguments: &PageArguments) -> Result<Vec<Written>, Box<dyn Error>> {
        let Ok(painting) = &self.0 else { return Ok(Vec::new()) };
        let picture = arguments.paint.iter().map(|path| (path.clone(), painting.png().to_vec()));
        let trees = arguments.trees.iter().map(|path| Ok((path.clone(), trees(path, painting)?)));
        picture.map(Ok).chain(trees).collect()
    }

    /// Everything but the trees: they may be deep, and have a file of their own.
    pub(crate) fn to_json(&self) -> Value {
        match &self.0 {
            Ok(painting) => json!({
                "title": painting.title,
                "encoding": painting.encoding,
                "width": painting.picture.width,
                "height": painting.picture.height,
                "total": painting.total,
                "stages": painting.stages,
                "resources": painting.resources,
                "resources_left_out": painting.resources_left_out,
            }),
            Err(unpainted) => json!(unpainted),
        }
    }
}

fn trees(path: &Path, painting: &Painting) -> Result<Vec<u8>, Box<dyn Error>> {
    if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json")) {
        return Ok(escape_json(&serde_json::to_string_pretty(painting)?).into_bytes());
    }
    let render_tree = painting.render_tree.as_ref().map(ToString::to_string).unwrap_or_default();
    let layout = painting.layout.as_ref().map(ToString::to_string).unwrap_or_default();
    let parts = [
        ("stages", painting.table().to_string()),
        ("DOM", painting.dom.to_string()),
        ("CSSOM", painting.cssom.to_string()),
        ("render tree", render_tree),
        ("layout: boxes at x,y width×height", layout),
    ];
    let part = |(name, text): (&str, String)| format!("\n== {name}\n\n{text}");
    let parts: String = parts.map(part).concat();
    Ok(format!("{}\n{parts}", escape_terminal(&painting.url)).into_bytes())
}
