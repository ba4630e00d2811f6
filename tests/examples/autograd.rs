//! Differentiation: pictures and a journey.

use std::fs;

use super::{assert_kept, error, folder, run, stdout};

#[test]
fn autograd_adds_up_what_comes_back_and_draws_the_readmes_picture() {
    let folder = folder();
    let text = stdout(&run("autograd", folder.path(), &["--svg", "neuron.svg", "--dot", "neuron.dot"]));
    assert!(text.contains("d(loss)/d(w) = 1 * 3 + 1 * 5 = 8"), "{text}");
    let kept = "crates/scalar-autograd/docs/neuron.svg";
    assert_kept(&folder.path().join("neuron.svg"), kept, "autograd -- --svg");
    assert!(fs::read_to_string(folder.path().join("neuron.dot")).expect("a graph").starts_with("digraph"));
    let unwritable = error(&run("autograd", folder.path(), &["--svg", "no/such/folder"]));
    assert!(unwritable.starts_with("error: cannot write \"no/such/folder\": "), "{unwritable}");
}

#[test]
fn gradient_journey_ends_where_it_was_sent() {
    let folder = folder();
    let text = stdout(&run("gradient_journey", folder.path(), &[]));
    for promised in [
        "loss = 3.277420",
        "loss.grad = 1",
        "total.grad = 1/8 = 0.125",
        "the plain softmax gives [NaN, NaN, NaN]",
        "6. Where it ends: wte[10][5], a number of the embedding of 'k'",
        "Its gradient is +0.000344195",
        "     malick          +0.000344195",
    ] {
        assert!(text.contains(promised), "no {promised:?} in:\n{text}");
    }
    let elsewhere = ["--matrix", "lm_head", "--row", "3", "--col", "7"];
    assert!(stdout(&run("gradient_journey", folder.path(), &elsewhere)).contains("Its gradient is -0.018752415"));
    assert!(error(&run("gradient_journey", folder.path(), &["--matrix", "q"])).contains("no matrix is called \"q\""));
    assert!(error(&run("gradient_journey", folder.path(), &["--row", "27"])).contains("wte, which has 27 rows"));
}
