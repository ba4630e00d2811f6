//! `--all`: what every server of every zone on the way says, and which way down is the fastest.

use std::io::{self, Write};

use netprobe::dns::{Asked, Survey, ZoneSurvey};

pub(crate) fn tell(survey: &Survey, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "{} {}? is put to every server of every zone on the way.", survey.name, survey.record_type)?;
    survey.zones.iter().try_for_each(|zone| tell_zone(survey, zone, out))?;
    if !survey.besides.is_empty() {
        writeln!(
            out,
            "\n{} queries found the addresses of servers that are known by name only.",
            survey.besides.len()
        )?;
    }
    let best = survey.best_path();
    let total = |path: &[&Asked]| path.iter().map(|asked| asked.query.span.duration_ms()).sum::<f64>();
    let slowest: Vec<&Asked> = survey.zones.iter().filter_map(ZoneSurvey::slowest).collect();
    let names: Vec<String> = best.iter().map(|asked| asked.query.server.to_string()).collect();
    if !best.is_empty() {
        writeln!(out, "\nThe fastest way down: {}", names.join(" → "))?;
        writeln!(
            out,
            "{:.2} ms if every server is the fastest, {:.2} ms if every server is the slowest of those that are of use.",
            total(&best),
            total(&slowest)
        )?;
    }
    writeln!(out, "{} queries in {:.2} ms.", survey.queries(), survey.span.duration_ms())
}

fn tell_zone(survey: &Survey, zone: &ZoneSurvey, out: &mut impl Write) -> io::Result<()> {
    let useful = zone.asked.iter().filter(|asked| asked.is_useful()).count();
    let addresses = zone.asked.len();
    let agreed = match (useful, zone.is_agreed()) {
        (0, _) => "none is of use".to_owned(),
        (_, true) if useful == addresses && zone.unreachable.is_empty() => "all agree".to_owned(),
        (_, true) => format!("{useful} of use, which agree"),
        (_, false) => format!("{useful} of use, WHICH DO NOT AGREE"),
    };
    let elsewhere = if zone.name == survey.name { String::new() } else { format!(" about {}", zone.name) };
    let plural = if addresses == 1 { "" } else { "es" };
    writeln!(out, "\n{}{elsewhere}: asked at {addresses} address{plural}, {agreed}", zone.zone)?;
    for opinion in &zone.opinions {
        writeln!(out, "  {} of {useful}: {}", opinion.servers, opinion.says)?;
    }
    if zone.serials.len() > 1 {
        let serials: Vec<String> = zone.serials.iter().map(u32::to_string).collect();
        writeln!(out, "  they serve different versions of the zone: {}", serials.join(", "))?;
    }
    for asked in &zone.asked {
        let serial = asked.serial.map(|serial| format!("version {serial}, ")).unwrap_or_default();
        let query = &asked.query;
        writeln!(out, "  {:>9.2} ms  {}: {serial}{}", query.span.duration_ms(), query.server, query.outcome)?;
    }
    for tried in &zone.unreachable {
        writeln!(out, "          not  {tried}")?;
    }
    if zone.left_out > 0 {
        writeln!(out, "  and {} addresses that were not asked", zone.left_out)?;
    }
    Ok(())
}
