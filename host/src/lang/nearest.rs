//! The name that was probably meant.

/// The longest name for which another is sought.
const MOST_CHARS: usize = 40;
/// The most names that are looked at.
const MOST_NAMES: usize = 1000;

/// The one of `known` that is nearest to `name`, if one is near.
pub(super) fn of<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let name: Vec<char> = name.chars().take(MOST_CHARS + 1).collect();
    if name.len() > MOST_CHARS {
        return None;
    }
    let most = (name.len() / 3).min(3);
    known
        .into_iter()
        .take(MOST_NAMES)
        .filter(|other| other.len() <= 4 * MOST_CHARS)
        .map(|other| (distance(&name, other), other))
        .filter(|(distance, _)| *distance <= most)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, other)| other)
}

/// How many characters are to be put in, left out or replaced to make one of the other.
fn distance(name: &[char], other: &str) -> usize {
    let mut row: Vec<usize> = (0..=name.len()).collect();
    for (i, b) in other.chars().enumerate() {
        let mut left = i + 1;
        let mut next = Vec::with_capacity(row.len());
        next.push(left);
        for ((&above, &diagonal), &a) in row.iter().skip(1).zip(&row).zip(name) {
            left = (above + 1)
                .min(left + 1)
                .min(diagonal + usize::from(a != b));
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_found_when_it_is_near() {
        let known = ["on-success", "on-error", "on-complete"];
        assert_eq!(of("on-sucess", known), Some("on-success"));
        assert_eq!(of("on_error", known), Some("on-error"));
        assert_eq!(of("publish", known), None);
        assert_eq!(of("t2", ["t1"]), None);
    }
}
