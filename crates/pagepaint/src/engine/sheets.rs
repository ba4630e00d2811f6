//! The CSSOM, read back from the engine.

use blitz_dom::{BaseDocument, NodeId, local_name};
use url::Url;

use crate::cssom::{Rule, StyleSheet};
use crate::secrets::Secrets;

/// How many rules of a sheet are kept in words.
const RULES_KEPT: usize = 1_000;

/// How much of a rule is kept.
const RULE_CHARS_KEPT: usize = 400;

/// The page's own style sheets, in the order in which they count.
pub(super) fn sheets(document: &BaseDocument, secrets: Secrets) -> Vec<StyleSheet> {
    document.stylesheet_owner_nodes().map(|owner| sheet(document, owner, secrets)).collect()
}

fn sheet(document: &BaseDocument, owner: NodeId, secrets: Secrets) -> StyleSheet {
    let rules = document.stylesheet_rule_count(owner, &[]).unwrap_or(0);
    let kept = (0..rules.min(RULES_KEPT)).filter_map(|place| rule(document, owner, place, secrets)).collect();
    StyleSheet { source: source(document, owner, secrets), rules: rules as u64, first_rules: kept }
}

/// Where a sheet is from: its address, or the element that holds it.
fn source(document: &BaseDocument, owner: NodeId, secrets: Secrets) -> String {
    let Some(node) = document.get_node(owner) else { return String::new() };
    let href = node.attr(local_name!("href")).filter(|_| node.data.is_element_with_tag_name(&local_name!("link")));
    href.map_or_else(
        || "<style>".to_owned(),
        |href| Url::parse(href).map_or_else(|_| secrets.text(href), |url| secrets.url(&url)),
    )
}

fn rule(document: &BaseDocument, owner: NodeId, place: usize, secrets: Secrets) -> Option<Rule> {
    let info = document.stylesheet_rule_info(owner, &[place])?;
    let mut text = secrets.within(&info.css_text.split_whitespace().collect::<Vec<_>>().join(" "));
    if let Some((end, _)) = text.char_indices().nth(RULE_CHARS_KEPT) {
        text.truncate(end);
        text.push('…');
    }
    Some(Rule { kind: info.interface.trim_start_matches("CSS").trim_end_matches("Rule").to_lowercase(), text })
}
