//! Which passwords are taken: long enough, and not the ones that are tried first (NIST SP 800-63B-4 §3.1.1). No rules
//! about kinds of characters, and no expiry: both make passwords worse.

use crate::error::Faults;

/// The shortest, in characters.
pub const SHORTEST: usize = 10;
/// The longest, in characters.
pub const LONGEST: usize = 128;

/// The commonest of at least ten characters, in lower case. Shorter ones are refused for their length, and those that
/// repeat or count are found by rule.
const COMMON: &[&str] = &[
    "password10",
    "password11",
    "password12",
    "password123",
    "password1234",
    "password12345",
    "password01",
    "password00",
    "passwordpassword",
    "password!!",
    "password123!",
    "password1!",
    "passw0rd123",
    "passw0rd1234",
    "p@ssw0rd123",
    "p@ssword123",
    "p@ssw0rd1234",
    "mypassword",
    "mypassword1",
    "thepassword",
    "yourpassword",
    "qwertyuiop",
    "qwertyuiop1",
    "qwerty1234",
    "qwerty12345",
    "qwerty123456",
    "1qaz2wsx3edc",
    "1q2w3e4r5t",
    "1q2w3e4r5t6y",
    "q1w2e3r4t5",
    "qazwsxedc1",
    "qazwsxedcrfv",
    "zaq12wsxcde3",
    "asdfghjkl1",
    "asdfghjkl;",
    "zxcvbnm123",
    "abcd123456",
    "abc1234567",
    "a123456789",
    "123456789a",
    "1234567890a",
    "123456789q",
    "iloveyou12",
    "iloveyou123",
    "iloveyou1234",
    "iloveyou2",
    "ihateyou123",
    "letmein123",
    "letmein1234",
    "welcome123",
    "welcome1234",
    "welcome2024",
    "welcome2025",
    "welcome2026",
    "changeme123",
    "changemenow",
    "administrator",
    "administrator1",
    "admin12345",
    "admin123456",
    "adminadmin",
    "rootroot12",
    "superman123",
    "batman12345",
    "football123",
    "baseball123",
    "basketball",
    "princess123",
    "sunshine123",
    "liverpool1",
    "dragon12345",
    "monkey12345",
    "michael123",
    "charlie123",
    "jennifer123",
    "computer123",
    "internet123",
    "trustno1234",
    "whatever123",
    "starwars123",
    "pokemon1234",
    "manchester1",
    "summer2024!",
    "summer2025!",
    "summer2026!",
    "winter2024!",
    "winter2025!",
    "winter2026!",
    "testtest12",
    "test123456",
    "temporary1",
    "secret1234",
    "topsecret1",
    "correcthorsebatterystaple",
    "correct horse battery staple",
];

/// Checks a new password; `personal` are the person's and the tenant's names and addresses.
pub(crate) fn check(faults: &mut Faults, field: &str, password: &str, personal: &[&str]) {
    let length = password.chars().count();
    let lower = password.to_lowercase();
    if length < SHORTEST {
        faults.add(
            field,
            "too_short",
            format!("use {SHORTEST} characters or more; a few words are easy to remember"),
        );
    } else if length > LONGEST {
        faults.add(field, "too_long", format!("use {LONGEST} characters or fewer"));
    } else if COMMON.contains(&lower.trim()) || is_pattern(&lower) {
        faults.add(
            field,
            "too_common",
            "this password is among the first that are tried; choose another",
        );
    } else if is_personal(&lower, personal) {
        faults.add(
            field,
            "too_personal",
            "do not use your name, your address or the tenant's name as the password",
        );
    }
}

/// One short piece over and over (`abababababab`), or characters in a row (`0123456789`, `abcdefghij`).
fn is_pattern(password: &str) -> bool {
    let letters: Vec<char> = password.chars().collect();
    let repeats = (1..=3).any(|piece| {
        letters
            .iter()
            .zip(letters.iter().skip(piece))
            .all(|(a, b)| a == b)
    });
    let step = |by: i64| {
        letters.windows(2).all(|pair| {
            let (a, b) = (i64::from(u32::from(pair[0])), i64::from(u32::from(pair[1])));
            // After 9 comes 0 on the keyboard.
            b - a == by
                || (pair[0] == '9' && pair[1] == '0' && by == 1)
                || (pair[0] == '0' && pair[1] == '9' && by == -1)
        })
    };
    repeats || step(1) || step(-1)
}

/// Whether all that is left when digits and signs at the ends are taken away is something that everybody knows.
fn is_personal(password: &str, personal: &[&str]) -> bool {
    let bare = password.trim_matches(|c: char| !c.is_alphabetic());
    let bare = if bare.is_empty() { password } else { bare };
    personal.iter().any(|known| {
        let known = known.trim().to_lowercase();
        let local = known.split('@').next().unwrap_or_default();
        let joined: String = known.split_whitespace().collect();
        !known.is_empty() && (password == known || [known.as_str(), local, &joined].contains(&bare))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    fn code(password: &str) -> Option<&'static str> {
        let mut faults = Faults::default();
        let personal = ["ada.lovelace@example.org", "Ada Lovelace", "Analytical Engines"];
        check(&mut faults, "/password", password, &personal);
        match faults.finish() {
            Err(Error::Invalid(faults)) => faults.first().map(|fault| fault.code),
            _ => None,
        }
    }

    #[test]
    fn passwords_that_are_tried_first_are_refused() {
        for (password, expected) in [
            ("short", "too_short"),
            ("ninechars", "too_short"),
            (&*"a long one ".repeat(12), "too_long"),
            ("Password123", "too_common"),
            ("1234567890", "too_common"),
            ("9876543210", "too_common"),
            ("abcdefghijk", "too_common"),
            ("aaaaaaaaaaaa", "too_common"),
            ("abcabcabcabc", "too_common"),
            ("Ada Lovelace", "too_personal"),
            ("adalovelace1815", "too_personal"),
            ("ada.lovelace!", "too_personal"),
            ("ada.lovelace@example.org", "too_personal"),
            ("AnalyticalEngines!", "too_personal"),
        ] {
            assert_eq!(code(password), Some(expected), "{password}");
        }
    }

    #[test]
    fn a_few_words_will_do() {
        for password in [
            "weir above the mill",
            "tränen lügen nicht",
            "ﷺ pile of poo",
            "x7#kQ9!pLm2",
        ] {
            assert_eq!(code(password), None, "{password}");
        }
    }
}
