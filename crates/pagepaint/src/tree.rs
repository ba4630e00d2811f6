//! How trees are walked.

/// A node and all in it, in document order, each with its depth below the first.
pub(crate) fn walk<N: Copy, C>(start: N, children: impl Fn(N) -> C) -> impl Iterator<Item = (usize, N)>
where
    C: DoubleEndedIterator<Item = N>,
{
    let mut next = vec![(0, start)];
    std::iter::from_fn(move || {
        let (depth, node) = next.pop()?;
        next.extend(children(node).rev().map(|child| (depth + 1, child)));
        Some((depth, node))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_inside_comes_before_what_follows() {
        let children: [&[usize]; 6] = [&[1, 4], &[2, 3], &[], &[], &[5], &[]];
        let walked: Vec<(usize, usize)> = walk(0, |node: usize| children[node].iter().copied()).collect();
        assert_eq!(walked, [(0, 0), (1, 1), (2, 2), (2, 3), (1, 4), (2, 5)]);
    }
}
