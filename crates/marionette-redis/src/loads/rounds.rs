//! Calls of scripts, in none of which an id comes twice.

use std::collections::HashMap;

use marionette::TaskId;

/// The places of these ids, in as many rounds as the commonest of them comes; in a round each id
/// comes once, and the rounds of one id are in its order.
pub(crate) fn rounds(ids: impl ExactSizeIterator<Item = TaskId>) -> Vec<Vec<usize>> {
    let mut rounds = vec![Vec::with_capacity(ids.len())];
    let mut times = HashMap::with_capacity(ids.len());
    for (place, id) in ids.enumerate() {
        let time: &mut usize = times.entry(id).or_default();
        if rounds.len() == *time {
            rounds.push(Vec::new());
        }
        rounds[*time].push(place);
        *time += 1;
    }
    rounds
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_id_comes_twice_in_a_round() {
        let [one, other] = [TaskId::new(), TaskId::new()];
        let ids = [one, other, one, one, other];
        let rounds = rounds(ids.into_iter());
        assert_eq!(rounds, [vec![0, 1], vec![2, 4], vec![3]]);
        assert_eq!(super::rounds(std::iter::empty()), [Vec::<usize>::new()]);
    }
}
