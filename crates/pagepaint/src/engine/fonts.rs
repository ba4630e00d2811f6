//! The fonts, which are here and not the machine's, so that a page looks the same everywhere.

use std::sync::Arc;

use blitz_dom::{BULLET_FONT, FontContext};
use parley::fontique::{Blob, Collection, CollectionOptions, FamilyId, GenericFamily, Script, SourceCache};

/// DejaVu, cut down; `fonts/README.md` says how.
const SANS: [&[u8]; 2] =
    [include_bytes!("../../fonts/DejaVuSans.ttf"), include_bytes!("../../fonts/DejaVuSans-Bold.ttf")];
const SERIF: [&[u8]; 2] =
    [include_bytes!("../../fonts/DejaVuSerif.ttf"), include_bytes!("../../fonts/DejaVuSerif-Bold.ttf")];
const MONO: [&[u8]; 1] = [include_bytes!("../../fonts/DejaVuSansMono.ttf")];

/// Scripts for which the sans-serif font is the one to fall back on.
const SCRIPTS: [&str; 5] = ["Latn", "Grek", "Cyrl", "Zyyy", "Zinh"];

/// A collection of these fonts and none of the machine's.
pub(super) fn context() -> FontContext {
    let mut collection = Collection::new(CollectionOptions { shared: false, system_fonts: false });
    let mut register = |fonts: &[&'static [u8]]| -> Vec<FamilyId> {
        let blobs = fonts.iter().map(|&font| Blob::new(Arc::new(font)));
        let mut families: Vec<FamilyId> = Vec::new();
        for family in blobs.flat_map(|blob| collection.register_fonts(blob, None)).map(|(family, _)| family) {
            if !families.contains(&family) {
                families.push(family);
            }
        }
        families
    };
    let (sans, serif, mono) = (register(&SANS), register(&SERIF), register(&MONO));
    register(&[BULLET_FONT]);
    let generic = [
        (GenericFamily::Serif, &serif),
        (GenericFamily::UiSerif, &serif),
        (GenericFamily::SansSerif, &sans),
        (GenericFamily::UiSansSerif, &sans),
        (GenericFamily::UiRounded, &sans),
        (GenericFamily::SystemUi, &sans),
        (GenericFamily::Cursive, &serif),
        (GenericFamily::Fantasy, &sans),
        (GenericFamily::Monospace, &mono),
        (GenericFamily::UiMonospace, &mono),
    ];
    for (family, fonts) in generic {
        collection.set_generic_families(family, fonts.iter().copied());
    }
    for script in SCRIPTS.iter().filter_map(|script| script.parse::<Script>().ok()) {
        collection.set_fallbacks(script, sans.iter().copied());
    }
    FontContext { collection, source_cache: SourceCache::new_shared() }
}
