//! From boxes to pixels: a list of what is to be drawn, then the drawing.

use anyrender::recording::RenderCommand;
use anyrender::{ImageRenderer, PaintScene, Scene};
use anyrender_vello_cpu::VelloCpuImageRenderer;
use blitz_dom::BaseDocument;
use peniko::kurbo::{Affine, BezPath, PathEl, Point, Rect};
use peniko::{Color, Fill};

use crate::picture::Picture;

/// The display list: white paper, and then the page, back to front.
pub(super) fn list(document: &mut BaseDocument, scale: f64, width: u32, height: u32) -> Scene {
    let mut scene = Scene::new();
    let paper = Rect::new(0.0, 0.0, f64::from(width), f64::from(height));
    scene.fill(Fill::NonZero, Affine::IDENTITY, Color::WHITE, None, &paper);
    blitz_paint::paint_scene(&mut scene, document, scale, width, height, 0, 0);
    scene
}

/// Draws lines through that would be cut into more dashes than `dashes_max`; says how many lines that were. The renderer makes a shape of
/// every dash, whether it is in the picture or not.
pub(super) fn without_dust(scene: &mut Scene, dashes_max: u64) -> usize {
    let mut mended = 0;
    for command in &mut scene.commands {
        let RenderCommand::Stroke(stroke) = command else { continue };
        let period: f64 = stroke.style.dash_pattern.iter().sum();
        if stroke.style.dash_pattern.is_empty() || outline_length(&stroke.shape) / period <= dashes_max as f64 {
            continue;
        }
        stroke.style.dash_pattern.clear();
        mended += 1;
    }
    mended
}

/// About how long a path is: curves as their control points have it, which is at least as long.
fn outline_length(path: &BezPath) -> f64 {
    let mut from = Point::ORIGIN;
    let mut to = |point: Point| std::mem::replace(&mut from, point).distance(point);
    let length = |element: &PathEl| match *element {
        PathEl::MoveTo(point) => {
            to(point);
            0.0
        }
        PathEl::LineTo(point) => to(point),
        PathEl::QuadTo(one, point) => to(one) + to(point),
        PathEl::CurveTo(one, two, point) => to(one) + to(two) + to(point),
        PathEl::ClosePath => 0.0,
    };
    path.elements().iter().map(length).sum()
}

/// How many commands of which kind a list has.
pub(super) fn counts(scene: &Scene) -> Vec<(&'static str, usize)> {
    let kinds = ["fills", "strokes", "glyph runs", "shadows", "layers"];
    let kind = |command: &RenderCommand| match command {
        RenderCommand::Fill(_) => Some("fills"),
        RenderCommand::Stroke(_) => Some("strokes"),
        RenderCommand::GlyphRun(_) => Some("glyph runs"),
        RenderCommand::BoxShadow(_) => Some("shadows"),
        RenderCommand::PushLayer(_) | RenderCommand::PushClipLayer(_) => Some("layers"),
        RenderCommand::PopLayer => None,
    };
    let count = |wanted| scene.commands.iter().filter(|&command| kind(command) == Some(wanted)).count();
    kinds.into_iter().map(|name| (name, count(name))).filter(|&(_, count)| count > 0).collect()
}

/// Draws a list: shapes become coverage, layers are blended, one pixel after the other.
pub(super) fn composite(scene: Scene, width: u32, height: u32) -> Picture {
    let draw = |painter: &mut <VelloCpuImageRenderer as ImageRenderer>::ScenePainter<'_>| {
        painter.append_scene(scene, Affine::IDENTITY);
    };
    let rgba = anyrender::render_to_buffer::<VelloCpuImageRenderer, _>(draw, width, height);
    Picture { width, height, rgba }
}
