fn main() {
    let x = {
        let tape = scalar_autograd::Tape::<f64>::new();
        tape.value(1.0)
    };
    let _ = x + 1.0;
}
