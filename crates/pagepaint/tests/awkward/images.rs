//! Awkward images.

use super::{Awkward, first_error, painted};

pub(super) fn pages() -> Vec<Awkward> {
    [pixels(), addresses(), svgs()].into_iter().flatten().collect()
}

const IMG: &str = "<p>before <img src=a> after";

/// A PNG of one pixel.
const PNG: &[u8] = &[
    137, 80, 78, 71, 13, 10, 26, 10, 0, 0, 0, 13, 73, 72, 68, 82, 0, 0, 0, 1, 0, 0, 0, 1, 8, 6, 0, 0, 0, 31, 21, 196,
    137, 0, 0, 0, 13, 73, 68, 65, 84, 120, 156, 99, 248, 207, 192, 240, 31, 0, 5, 0, 1, 255, 86, 199, 47, 13, 0, 0, 0,
    0, 73, 69, 78, 68, 174, 66, 96, 130,
];

/// A PNG that says it has this size, and has one pixel.
fn png_of(width: u32, height: u32) -> Vec<u8> {
    let mut png = PNG.to_vec();
    png[16..20].copy_from_slice(&width.to_be_bytes());
    png[20..24].copy_from_slice(&height.to_be_bytes());
    let checksum = checksum(&png[12..29]).to_be_bytes();
    png[29..33].copy_from_slice(&checksum);
    png
}

/// The checksum of a PNG's chunk: CRC-32 (PNG, annex D).
fn checksum(bytes: &[u8]) -> u32 {
    let step = |crc: u32| if crc & 1 == 1 { 0xedb8_8320 ^ (crc >> 1) } else { crc >> 1 };
    !bytes.iter().fold(u32::MAX, |crc, &byte| (0..8).fold(crc ^ u32::from(byte), |crc, _| step(crc)))
}

/// The beginning of a GIF of this size.
fn gif_head(width: u16, height: u16) -> Vec<u8> {
    let size = [width.to_le_bytes(), height.to_le_bytes()].concat();
    let table = [0x80, 0, 0, 0, 0, 0, 255, 255, 255];
    [b"GIF89a".as_slice(), &size, &table, &[0x2c, 0, 0, 0, 0], &size, &[0, 2]].concat()
}

fn images(count: usize) -> String {
    (0..count).map(|number| format!("<img src={number}>")).collect()
}

fn pixels() -> Vec<Awkward> {
    vec![
        painted("an image that is not there", IMG)
            .checked(|painting| assert!(first_error(painting).contains("404"), "{}", first_error(painting))),
        painted("an image of one pixel, made large", "<img src=a width=1000000000 height=9999999>").with(
            "a",
            "image/png",
            PNG,
        ),
        painted("half an image", IMG).with("a", "image/png", &PNG[..40]),
        painted("an image of 50,000 × 50,000 pixels", IMG)
            .with("a", "image/png", png_of(50_000, 50_000))
            .checked(|painting| assert!(first_error(painting).contains("pixels"), "{}", first_error(painting))),
        painted("an image of 4,294,967,295 × 1 pixels", IMG).with("a", "image/png", png_of(u32::MAX, 1)),
        painted("an image of no pixels", IMG).with("a", "image/png", png_of(0, 0)),
        painted("a GIF of 65,535 × 65,535 pixels", IMG)
            .with("a", "image/gif", gif_head(65_535, 65_535))
            .checked(|painting| assert!(first_error(painting).contains("pixels"), "{}", first_error(painting))),
        painted("half a GIF", IMG).with("a", "image/gif", gif_head(10, 10)),
        painted("a JPEG that ends at once", IMG).with("a", "image/jpeg", b"\xff\xd8\xff\xe0".to_vec()),
        painted("half a WebP", IMG).with("a", "image/webp", b"RIFF\x10\0\0\0WEBPVP8 \x04\0\0\0".to_vec()),
        painted("text for an image", IMG).with("a", "image/png", "no image"),
        painted("a page for an image", IMG).with("a", "text/html", "<html><p>no image"),
        painted("more images than any page", images(300))
            .checked(|painting| assert_eq!((painting.resources.len(), painting.resources_left_out), (128, 172))),
        (0..100)
            .fold(painted("a hundred images of 16,000,000 pixels", images(100)), |page, number| {
                page.with(&number.to_string(), "image/png", png_of(4_000, 4_000))
            })
            .checked(|painting| {
                let refused = "images_total_pixels_max: with it there are 48000000, at most 33554432 is allowed";
                let errors = painting.resources.iter().filter(|one| one.error.as_deref() == Some(refused));
                assert_eq!((painting.resources.len(), errors.count()), (100, 98));
            }),
        painted("more bytes than any image", IMG).with("a", "image/png", vec![0; 9 * 1024 * 1024]).checked(
            |painting| assert!(first_error(painting).contains("resource_bytes_max"), "{}", first_error(painting)),
        ),
    ]
}

fn addresses() -> Vec<Awkward> {
    vec![
        painted(
            "addresses that are none",
            "<img src=http://[><img src='//'><img src=http://a:99999/><img src='' alt=x><img srcset=',,, x 1w'>",
        ),
        painted(
            "schemes that are not fetched",
            "<img src=file:///etc/passwd><img src=javascript:alert(1)><img src=about:blank><img src=blob:x>",
        )
        .checked(|painting| assert!(painting.resources.iter().all(|resource| resource.error.is_some()))),
        painted(
            "data: that is none",
            "<img src=data:><img src=data:,><img src='data:image/png;base64,%%%'><img src='data:;base64,AAAA'>",
        ),
        painted("data: of a mebibyte", format!("<img src='data:image/png;base64,{}'>", "A".repeat(1 << 20))),
        painted("an image that sends in circles", IMG).redirecting("a", "b").redirecting("b", "a"),
    ]
}

fn svg(name: &'static str, inside: impl std::fmt::Display) -> Awkward {
    let file = format!(
        "<svg xmlns='http://www.w3.org/2000/svg' xmlns:xlink='http://www.w3.org/1999/xlink' width='100' height='100'>{inside}</svg>"
    );
    painted(name, format!("<img src=a.svg>{file}")).with("a.svg", "image/svg+xml", file)
}

fn svgs() -> Vec<Awkward> {
    let doubling: String = (1..40)
        .map(|level| format!("<g id='g{level}'>{0}{0}</g>", format!("<use xlink:href='#g{}'/>", level - 1)))
        .collect();
    let laughs = "<!DOCTYPE svg [<!ENTITY a 'ha'><!ENTITY b '&a;&a;&a;&a;'>]><svg xmlns='http://www.w3.org/2000/svg'><text>&b;</text></svg>";
    vec![
        svg("uses of uses of uses", format!("<defs><rect id='g0' width='9' height='9'/>{doubling}</defs><use xlink:href='#g39'/>")),
        svg("uses of themselves", "<g id='a'><use xlink:href='#b'/></g><g id='b'><use xlink:href='#a'/></g>"),
        painted("laughter in entities", "<img src=a>")
            .with("a", "image/svg+xml", laughs)
            .checked(|painting| assert!(first_error(painting).contains("entities"), "{}", first_error(painting))),
        painted("a deep SVG", "<img src=a>")
            .with("a", "image/svg+xml", format!("<svg xmlns='http://www.w3.org/2000/svg'>{}", "<g>".repeat(100_000)))
            .checked(|painting| assert!(first_error(painting).contains("dom_depth_max"), "{}", first_error(painting))),
        svg("files of this machine", "<image xlink:href='file:///etc/hostname' width='9' height='9'/><image href='/proc/self/environ'/>"),
        svg("patterns of themselves", "<pattern id='p' width='1' height='1'><rect width='9' height='9' fill='url(#p)'/></pattern><rect width='99' height='99' fill='url(#p)'/>"),
        svg("masks of themselves", "<mask id='m'><rect width='9' height='9' mask='url(#m)'/></mask><clipPath id='c' clip-path='url(#c)'><rect width='9' height='9'/></clipPath><rect width='99' height='99' mask='url(#m)' clip-path='url(#c)'/>"),
        svg("a pattern of dust", "<pattern id='p' width='.001' height='.001' patternUnits='userSpaceOnUse'><path d='M0 0h1'/></pattern><rect width='100' height='100' fill='url(#p)'/>"),
        svg("dashes of dust", "<path d='M0 0H1e6V1e6' stroke='red' stroke-width='1' stroke-dasharray='.01 .01'/>"),
        svg("numbers of no size", "<rect x='1e38' y='-1e38' width='1e38' height='NaN'/><circle r='1e300'/><path d='M0 0L1e38 1e38A1e38 1e38 0 0 1 9 9z'/>"),
        svg("filters of no size", "<filter id='f' x='-1e6' width='1e9' height='1e9'><feGaussianBlur stdDeviation='1e6'/><feTurbulence numOctaves='1000000'/></filter><rect width='9' height='9' filter='url(#f)'/>"),
        svg("a path of 50,000 parts", format!("<path d='M0 0{}' stroke='red'/>", "c1 2 3 4 5 6".repeat(50_000))),
        painted("an SVG as large as the sky", "<img src=a>").with("a", "image/svg+xml", "<svg xmlns='http://www.w3.org/2000/svg' width='1e9' height='1e9' viewBox='0 0 0 0'><rect width='1e9' height='1e9'/></svg>"),
        painted("an SVG that is gzip", "<img src=a>").with("a", "image/svg+xml", b"\x1f\x8b\x08\0\0\0\0\0".to_vec()),
    ]
}
