//! Drawings: what stands in the DOT text, what is refused, and that any name survives.

use scalar_autograd::{Drawing, DrawingError, Tape, Value};

#[test]
fn every_node_edge_and_gradient_is_there() {
    let tape = Tape::<f64>::new();
    let (w, x) = (tape.value(-0.75), tape.value(2.0));
    let unused = x.exp();
    let product = w * x;
    let y = (product + 1.0).tanh();
    let grads = y.backward();
    let dot = Drawing::new(y).name(w, "w").name(x, "x").name(y, "y").grads(&grads).to_dot().unwrap();
    for line in [
        r#"n0 [label="w\ndata -0.75\ngrad 1.5729""#,
        r#"n3 [label="×\ndata -1.5\ngrad 0.78645""#,
        r#"n4 [label="x + 1\ndata -0.5\ngrad 0.78645""#,
        r#"n5 [label="y = tanh\ndata -0.46212\ngrad 1""#,
        r#"n0 -> n3 [label="2"];"#,
        r#"n1 -> n3 [label="-0.75"];"#,
        r#"n4 -> n5 [label="0.78645"];"#,
    ] {
        assert!(dot.contains(line), "{line} in\n{dot}");
    }
    assert!(!dot.contains(&format!("n{} ", unused.index())), "only what the output was made from:\n{dot}");
    let plain = Drawing::new(y).to_dot().unwrap();
    assert!(plain.contains(r#"n0 [label="leaf\ndata -0.75""#), "{plain}");
}

#[test]
fn a_value_used_twice_has_two_edges() {
    let tape = Tape::<f32>::new();
    let x = tape.value(3.0);
    let dot = Drawing::new(x * x).to_dot().unwrap();
    assert_eq!(dot.matches("n0 -> n1 [label=\"3\"];").count(), 2, "{dot}");
    assert_eq!([(x - 2.0).operation().to_string(), (x + 2.0).operation().to_string()], ["x − 2", "x + 2"]);
}

#[test]
fn too_large_a_graph_is_refused() {
    let tape = Tape::<f64>::new();
    let x = tape.values(&[1.0; 10]);
    let chain = x.iter().reduce(|sum, x| sum + x).unwrap();
    assert_eq!(Drawing::new(chain).nodes_max(18).to_dot(), Err(DrawingError::TooManyNodes { nodes_max: 18 }));
    assert!(Drawing::new(chain).nodes_max(19).to_dot().is_ok());
    let wide = tape.values(&vec![0.0; 1_000_000]).sum();
    let error = Drawing::new(wide).to_dot().unwrap_err();
    assert_eq!(error.to_string(), "the graph has more than 800 edges: draw a part of it, or raise Drawing::nodes_max");
    let doubled = (0..1_000).fold(x.at(0), |x, _| x + x); // 2¹⁰⁰⁰ paths
    let error = Drawing::new(doubled).to_dot().unwrap_err();
    assert_eq!(error.to_string(), "the graph has more than 200 nodes: draw a part of it, or raise Drawing::nodes_max");
    assert!(Drawing::new(doubled).nodes_max(1001).to_dot().is_ok());
}

#[test]
#[should_panic(expected = "values of two tapes cannot meet")]
fn a_name_for_a_value_of_another_tape() {
    let (one, other) = (Tape::<f64>::new(), Tape::<f64>::new());
    let _ = Drawing::new(one.value(1.0)).name(other.value(1.0), "x");
}

/// Names that break out of whatever holds them, if nobody escapes them.
const NAMES: [&str; 8] = [
    r#"quote " backslash \ newline \n end \"#,
    "<b>bold</b> & ]]> <!-- --",
    "line\nbreak\ttab\r",
    "nul \0 bell \u{7} \u{ffff}",
    "{record|port} <f0> // /* */",
    "αβγ 模型 🙂",
    "",
    "\"; } digraph { a -> b",
];

fn named<'t>(tape: &'t Tape<f64>) -> (Value<'t, f64>, Vec<(Value<'t, f64>, &'static str)>) {
    let leaves = tape.values(&[1e-7, 123456.0, 1e300, -0.0, f64::NAN, f64::INFINITY, 0.1, 2.0]);
    (leaves.sum(), leaves.iter().zip(NAMES).collect())
}

#[test]
fn any_name_stays_in_its_label() {
    let tape = Tape::new();
    let (y, names) = named(&tape);
    let dot =
        names.into_iter().fold(Drawing::new(y), |drawing, (value, name)| drawing.name(value, name)).to_dot().unwrap();
    assert_eq!(dot.lines().count(), 4 + 9 + 8 + 1, "{dot}");
    assert!(dot.contains(r#"n0 [label="quote \" backslash \\ newline \\n end \\\ndata 1e-7""#), "{dot}");
    assert!(dot.contains("data 123460\"") && dot.contains("data 1e300\"") && dot.contains("data NaN\""), "{dot}");
    assert!(!dot.chars().any(|c| c.is_control() && c != '\n'));
}

#[cfg(feature = "svg")]
mod svg {
    use super::*;

    /// Opening and closing tags match, attributes are quoted, and text holds no markup: enough XML for what we write.
    fn assert_well_formed(svg: &str) {
        let mut open = Vec::new();
        let mut rest = svg.trim();
        while let Some(start) = rest.find('<') {
            let text = &rest[..start];
            assert!(
                !text.contains('>')
                    && text.matches('&').count() == text.matches(';').count().min(text.matches('&').count()),
                "{text}"
            );
            let end = rest[start..].find('>').expect("a tag ends") + start;
            let tag = &rest[start + 1..end];
            assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
            match (tag.strip_prefix('/'), tag.strip_suffix('/')) {
                (Some(name), _) => assert_eq!(open.pop().as_deref(), Some(name), "in\n{svg}"),
                (_, Some(_)) => {}
                _ => open.push(tag.split_whitespace().next().unwrap().to_string()),
            }
            rest = &rest[end + 1..];
        }
        assert!(open.is_empty() && rest.is_empty(), "{open:?} {rest}");
    }

    #[test]
    fn one_self_contained_image() {
        let tape = Tape::<f64>::new();
        let (w, x) = (tape.value(-0.75), tape.value(2.0));
        let y = (w * x + 1.0).tanh();
        let grads = y.backward();
        let drawing = Drawing::new(y).name(w, "w").name(x, "x").name(y, "y").grads(&grads);
        let svg = drawing.to_svg().unwrap();
        assert_well_formed(&svg);
        for text in [">w</text>", ">data -0.75</text>", ">grad 1.5729</text>", ">y = tanh</text>", ">0.78645</text>"] {
            assert!(svg.contains(text), "{text} in\n{svg}");
        }
        assert_eq!(svg.matches("<path").count(), 4 + 1, "four edges and the arrow head");
        assert!(!svg.contains("href") && !svg.contains("url(http") && !svg.contains("NaN"));
        assert_eq!(svg, drawing.to_svg().unwrap(), "the same image every time");
    }

    #[test]
    fn any_name_is_drawn() {
        let tape = Tape::new();
        let (y, names) = named(&tape);
        let drawing = names.into_iter().fold(Drawing::new(y), |drawing, (value, name)| drawing.name(value, name));
        let svg = drawing.to_svg().unwrap();
        assert_well_formed(&svg);
        assert!(svg.contains("&lt;b&gt;bold&lt;/b&gt; &amp; ]]&gt; &lt;!-- --"), "{svg}");
        assert!(svg.contains("αβγ 模型 🙂"));
    }

    #[test]
    fn single_nodes_and_parallel_edges() {
        let tape = Tape::<f64>::new();
        let x = tape.value(3.0);
        assert_well_formed(&Drawing::new(x).to_svg().unwrap());
        assert_well_formed(&Drawing::new(tape.sum([x, x, x]) * x).to_svg().unwrap());
    }

    /// Paths multiply where values are used twice; the layout must not follow each.
    #[test]
    fn two_hundred_nodes_are_laid_out() {
        let tape = Tape::<f64>::new();
        let doubled = (1..200).fold(tape.value(1.0), |x, _| x + x);
        assert_well_formed(&Drawing::new(doubled).to_svg().unwrap());
    }
}
