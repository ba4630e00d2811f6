//! Pages whose boxes are known to the pixel.

use pagepaint::{Error, LayoutBox, Offline, Page, Painter, Painting};

const RED: [u8; 4] = [255, 0, 0, 255];
const GREEN: [u8; 4] = [0, 128, 0, 255];
const BLUE: [u8; 4] = [0, 0, 255, 255];
const WHITE: [u8; 4] = [255, 255, 255, 255];

async fn painted(html: &str) -> Painting {
    let painter = Painter { width: 400, height: 300, ..Painter::default() };
    painter.paint(&Page::html(html), &Offline::default()).await.unwrap_or_else(|error| panic!("{error}: {html}"))
}

fn place(painting: &Painting, node: &str) -> (f32, f32, f32, f32) {
    let found = painting.layout.as_ref().and_then(|layout| layout.find(node));
    let LayoutBox { x, y, width, height, .. } = found.unwrap_or_else(|| panic!("no {node} in {painting:#?}"));
    (*x, *y, *width, *height)
}

/// The box is where it should be, in the layout tree and in the picture, and ends there.
fn assert_box(painting: &Painting, node: &str, colour: [u8; 4], (x, y, width, height): (u32, u32, u32, u32)) {
    assert_eq!(place(painting, node), (x as f32, y as f32, width as f32, height as f32), "{node}");
    let (right, bottom) = (x + width - 1, y + height - 1);
    for (x, y) in [(x, y), (right, y), (x, bottom), (right, bottom)] {
        assert_eq!(painting.picture.pixel(x, y), Some(colour), "{node} at {x},{y}");
    }
    let outside = [(x.wrapping_sub(1), y), (x, y.wrapping_sub(1)), (right + 1, bottom), (right, bottom + 1)];
    for (x, y) in outside {
        assert_ne!(painting.picture.pixel(x, y), Some(colour), "beside {node} at {x},{y}");
    }
}

#[tokio::test]
async fn positioned_boxes_and_what_is_on_top() {
    let painting = painted(
        "<!doctype html><style>div { position: absolute }</style>
         <div id=a style='left: 10px; top: 20px; width: 100px; height: 50px; background: red'></div>
         <div id=b style='left: 60px; top: 40px; width: 100px; height: 50px; background: blue; z-index: -1'></div>
         <div id=c style='right: 10px; bottom: 10px; width: 30px; height: 20px; background: green'></div>",
    )
    .await;
    assert_box(&painting, "div#a", RED, (10, 20, 100, 50));
    assert_box(&painting, "div#c", GREEN, (360, 270, 30, 20));
    assert_eq!(place(&painting, "div#b"), (60.0, 40.0, 100.0, 50.0));
    assert_eq!(painting.picture.pixel(109, 69), Some(RED), "b is behind a");
    assert_eq!(painting.picture.pixel(159, 89), Some(BLUE));
    assert_eq!(painting.picture.pixel(200, 200), Some(WHITE));
}

#[tokio::test]
async fn margins_borders_and_padding() {
    let painting = painted(
        "<!doctype html><style>body { margin: 0 } div { margin: 10px; border: 5px solid blue; padding: 7px; background: red; width: 100px;
         height: 50px } #b { box-sizing: border-box }</style><div id=a></div><div id=b></div>",
    )
    .await;
    assert_box(&painting, "div#a", BLUE, (10, 10, 124, 74));
    // The margins between them are one; the border is inside its width.
    assert_box(&painting, "div#b", BLUE, (10, 94, 100, 50));
    assert_eq!(painting.picture.pixel(15, 15), Some(RED), "padding has the background");
}

#[tokio::test]
async fn flex_grid_floats_and_tables() {
    let painting = painted(
        "<!doctype html><style>body { margin: 0 } i { display: block; height: 20px } .f { display: flex; gap: 10px }
         .g { display: grid; grid-template-columns: 100px 1fr 2fr } table { border-spacing: 0 } td { padding: 0; height: 30px }</style>
         <div class=f><i id=a style='width: 50px; background: red'></i><i id=b style='flex: 1; background: green'></i></div>
         <div class=g><i></i><i id=c style='background: blue'></i><i id=d style='background: red'></i></div>
         <i id=e style='float: right; width: 40px; height: 40px; background: green'></i>
         <table><tr><td width=60><td id=f style='width: 70px; background: blue'></table>",
    )
    .await;
    assert_box(&painting, "i#a", RED, (0, 0, 50, 20));
    assert_box(&painting, "i#b", GREEN, (60, 0, 340, 20));
    assert_box(&painting, "i#c", BLUE, (100, 20, 100, 20));
    assert_box(&painting, "i#d", RED, (200, 20, 200, 20));
    assert_box(&painting, "i#e", GREEN, (360, 40, 40, 40));
    assert_box(&painting, "td#f", BLUE, (60, 40, 70, 30));
}

#[tokio::test]
async fn lines_of_text_have_their_place() {
    let painting = painted(
        "<!doctype html><style>body { margin: 0; font: 20px/30px monospace } p { margin: 0; width: 125px }</style>
         <p id=a>seven or eight words<p id=b style='text-align: right'>x",
    )
    .await;
    let lines =
        |node: &str| painting.layout.as_ref().and_then(|layout| layout.find(node)).expect("a box").lines.clone();
    let texts: Vec<String> = lines("p#a").iter().map(|line| line.text.trim().to_owned()).collect();
    assert_eq!(texts, ["seven or", "eight", "words"]);
    assert_eq!(lines("p#a").iter().map(|line| line.y).collect::<Vec<_>>(), [0.0, 30.0, 60.0]);
    let b = place(&painting, "p#b");
    assert_eq!((b.1, b.3), (90.0, 30.0));
    let line = &lines("p#b")[0];
    assert!((line.x + line.width - b.2).abs() < 0.05, "{line:?} ends where {b:?} does");
}

#[tokio::test]
async fn a_scale_enlarges_and_a_full_page_is_as_high_as_its_boxes() {
    let page = Page::html("<!doctype html><body style='margin: 0'><div style='height: 500px; background: red'></div>");
    let painter = Painter { width: 100, height: 80, scale: 2.0, full_page: true, ..Painter::default() };
    let painting = painter.paint(&page, &Offline::default()).await.expect("a painting");
    assert_eq!((painting.picture.width, painting.picture.height), (200, 1_000));
    assert_eq!(painting.picture.pixel(199, 999), Some(RED));
    assert_eq!(place(&painting, "div"), (0.0, 0.0, 100.0, 500.0), "boxes are in CSS pixels");
}

#[tokio::test]
async fn pictures_of_no_size_are_refused() {
    let page = Page::html("<p>x");
    for (width, height, scale) in
        [(0, 10, 1.0), (10, 99_999, 1.0), (16_000, 16_000, 1.0), (10, 10, 0.0), (10, 10, f32::NAN), (1, 1, 99.0)]
    {
        let painter = Painter { width, height, scale, ..Painter::default() };
        let error = painter.paint(&page, &Offline::default()).await.expect_err("no picture");
        assert!(matches!(error, Error::Size { .. } | Error::Scale { .. }), "{error}");
    }
}
