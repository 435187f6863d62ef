//! The roles of a theme: what a piece of the screen means.

/// Declares the roles, each with its name in a theme file, what it is for, and the role that it looks like where a theme is silent.
macro_rules! roles {
    ($($role:ident $name:literal => $fallback:ident, $about:literal;)*) => {
        /// What a piece of the screen means. A theme decides how that looks.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Role { $($role,)* }

        impl Role {
            /// Every role, in the order of its discriminant.
            pub const ALL: &[Self] = &[$(Self::$role,)*];

            /// The name of each in a theme file.
            pub const NAMES: &[&str] = &[$($name,)*];

            /// Its name in a theme file.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$role => $name,)* }
            }

            /// What it is used for.
            #[must_use]
            pub fn about(self) -> &'static str {
                match self { $(Self::$role => $about,)* }
            }

            /// The role that it looks like where a theme does not name it. `Text` falls back to itself.
            #[must_use]
            pub fn fallback(self) -> Self {
                match self { $(Self::$role => Self::$fallback,)* }
            }
        }
    };
}

roles! {
    Text "text" => Text, "everything else; its background is that of the screen";
    Muted "muted" => Text, "what matters less, and what is behind a dialog";
    Accent "accent" => Text, "titles";
    Key "key" => Accent, "keys to press";
    Border "border" => Muted, "frames";
    BorderFocus "border.focus" => Accent, "the frame that has the focus";
    Selection "selection" => Text, "the row under the cursor";
    Search "search" => Selection, "what a search found";
    Escape "escape" => Selection, "stands for characters that were refused";
    Ok "ok" => Text, "went well";
    Running "running" => Accent, "is running now";
    Warn "warn" => Accent, "needs a look";
    Danger "danger" => Warn, "failed, or would do harm";
    Unknown "unknown" => Warn, "nobody knows";
    Inactive "inactive" => Muted, "does not count any more";
    Live "live" => Ok, "is in production";
    Frozen "frozen" => Warn, "a freeze";
    Hold "hold" => Frozen, "a hold";
    Stale "stale" => Warn, "old data";
    EnvProduction "env.production" => Danger, "the word production";
    EnvStaging "env.staging" => Accent, "the word staging";
    Dialog "dialog" => Text, "the frame of a dialog";
    DialogDanger "dialog.danger" => Danger, "the frame of a dialog that takes away";
    Button "button" => Text, "a button";
    ButtonFocus "button.focus" => Selection, "the button that has the focus";
    LogError "log.error" => Danger, "an error in a log";
    LogWarn "log.warn" => Warn, "a warning in a log";
    LogInfo "log.info" => Text, "a line of a log";
    LogDebug "log.debug" => Muted, "a line of a log for those who debug";
    LogTime "log.time" => Muted, "the time of a line";
    LogNote "log.note" => Accent, "what trunkline adds to a log";
    DiffAdd "diff.add" => Ok, "a line that comes";
    DiffDel "diff.del" => Danger, "a line that goes";
    AuthorMe "author.me" => Accent, "you";
    AuthorOther "author.other" => Text, "somebody else";
}

impl Role {
    /// The role of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|role| role.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_is_found_at_its_own_place_and_by_its_name() {
        for (at, role) in Role::ALL.iter().enumerate() {
            assert_eq!(*role as usize, at);
            assert_eq!(Role::named(role.name()), Some(*role));
            assert_eq!(Role::NAMES[at], role.name());
        }
    }

    #[test]
    fn every_role_falls_back_to_the_text_in_the_end() {
        for role in Role::ALL {
            let steps = std::iter::successors(Some(*role), |role| Some(role.fallback()));
            assert_eq!(steps.take(Role::ALL.len()).last(), Some(Role::Text), "{role:?}");
        }
    }
}
