//! The files that were asked for. Each is written beside its place and then moved there: it is there as a whole or not at all.

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};

use netprobe::Report;
use netprobe::render::{Timeline, escape_json};

use crate::arguments::Arguments;
use crate::place::{self, Place};

/// A file that is to be written, and what is to be in it.
pub(crate) type Written = (PathBuf, Vec<u8>);

/// The files that are asked for, each with the argument that asks.
fn asked(arguments: &Arguments) -> Vec<(&'static str, &Path)> {
    let Arguments { har, metrics, svg, html, page, .. } = arguments;
    let files = [
        ("--har", har),
        ("--metrics", metrics),
        ("--svg", svg),
        ("--html", html),
        ("--paint", &page.paint),
        ("--trees", &page.trees),
    ];
    files.into_iter().filter_map(|(name, path)| Some((name, path.as_deref()?))).collect()
}

/// What makes no sense about where the files are to go, if anything does.
pub(crate) fn wrong(arguments: &Arguments) -> Option<String> {
    let mut taken: Vec<(&str, &Path, Place)> = Vec::new();
    for (name, path) in asked(arguments) {
        let shown = path.display();
        let Ok(place) = Place::of(path) else { continue };
        if place == Place::StandardOutput && name == "--paint" {
            return Some(format!("{name} {shown}: standard output has the report, and a picture is no text"));
        }
        if place == Place::StandardOutput && arguments.json {
            return Some(format!("{name} {shown}: standard output has the report as JSON, and nothing after it"));
        }
        let is_same = |(_, _, other): &&(&str, &Path, Place)| *other == place && !matches!(place, Place::Stream(_));
        if let Some((other, at, _)) = taken.iter().find(is_same) {
            return Some(format!("{other} {} and {name} {shown} are the same file", at.display()));
        }
        taken.push((name, path, place));
    }
    None
}

/// Whether everything can be written where it is to go: if not, there is no reason to visit anybody.
pub(crate) fn check(arguments: &Arguments) -> Result<(), String> {
    let writable = |path: &Path| Place::of(path)?.check();
    let files = asked(arguments);
    files.into_iter().try_for_each(|(_, path)| writable(path).map_err(|error| cannot_write(path, &error)))
}

/// The files about the visit that were asked for; an archive has what the page asked for, too.
pub(crate) fn of_visit(
    arguments: &Arguments,
    report: &Report,
    resources: &[&Report],
    timeline: &Timeline,
) -> Result<Vec<Written>, Box<dyn Error>> {
    let mut files = Vec::new();
    let mut add = |path: &PathBuf, text: String| files.push((path.clone(), text.into_bytes()));
    if let Some(path) = &arguments.har {
        let archive = report.to_har_with(resources.iter().copied());
        add(path, escape_json(&serde_json::to_string_pretty(&archive)?));
    }
    arguments.metrics.iter().for_each(|path| add(path, report.to_open_metrics()));
    arguments.svg.iter().for_each(|path| add(path, timeline.to_svg()));
    arguments.html.iter().for_each(|path| add(path, timeline.to_html()));
    Ok(files)
}

/// Writes the files. What is for standard output comes back: it follows the report.
pub(crate) fn write(files: Vec<Written>) -> Result<Vec<Vec<u8>>, String> {
    let mut for_output = Vec::new();
    for (path, bytes) in files {
        let written = Place::of(&path).and_then(|place| match place {
            Place::StandardOutput => {
                for_output.push(bytes);
                Ok(())
            }
            place => place::write(place, &bytes),
        });
        written.map_err(|error| cannot_write(&path, &error))?;
    }
    Ok(for_output)
}

fn cannot_write(path: &Path, error: &io::Error) -> String {
    format!("cannot write {path:?}: {error}")
}
