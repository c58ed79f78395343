//! The init container that renders: the stage before the step's own image.

use super::{Look, is_before_pull};
use crate::api::reason::Reason;
use crate::cli::explain::pull;
use crate::cli::explain::way::Stage;
use crate::model::render::CONTAINER;

impl Look<'_> {
    /// The image of the init container, where there is one.
    pub(super) fn helper_image(&self) -> Option<&str> {
        let containers = self.pod.spec.iter().flat_map(|spec| spec.init_containers.iter().flatten());
        containers.into_iter().find(|container| container.name == CONTAINER)?.image.as_deref()
    }

    /// Whether it has ended well.
    pub(super) fn has_rendered(&self) -> bool {
        let status = self.pod.status.as_ref();
        let containers = status.into_iter().flat_map(|status| status.init_container_statuses.iter().flatten());
        let ended = containers.filter(|container| container.name == CONTAINER);
        let mut ended = ended.filter_map(|container| container.state.as_ref()?.terminated.as_ref());
        ended.any(|ended| ended.exit_code == 0)
    }

    /// What there is to say once it has.
    pub(super) fn rendered(&self) -> String {
        format!("by {CONTAINER}, image {}", self.helper_image().unwrap_or_default())
    }

    /// What there is to say until then.
    pub(super) fn rendering(&self) -> String {
        let image = self.helper_image().unwrap_or_default();
        let said = pull::offer(self.seen, &self.step.name, self.pod, true).said();
        format!("{CONTAINER} renders what the step needs: image {image} {said}")
    }

    /// Where a trouble of this stage keeps the Pod: before all is rendered it can only be the init container's.
    pub(super) fn before_all_is_rendered(&self, stage: Stage) -> Stage {
        let is_helpers = self.helper_image().is_some() && !self.has_rendered();
        if is_helpers && stage > Stage::Mounted { Stage::Rendered } else { stage }
    }

    /// How it ended.
    pub(super) fn helper_end(&self) -> Option<String> {
        let failed = self.facts.helper.failed.as_ref()?;
        let said = failed.last_words.as_ref().map(|said| format!(": {said}")).unwrap_or_default();
        Some(format!("{CONTAINER} ended with exit code {}{said}", failed.exit_code))
    }

    /// What its status shows, where the operator has not said it.
    pub(super) fn why_not_rendered(&self) -> Option<(String, String)> {
        if self.facts.invalid_input().is_some() {
            return Some((Reason::InvalidInput.as_str().to_owned(), self.helper_end()?));
        }
        let (reason, said) = self.facts.helper.waiting.clone()?;
        (!is_before_pull(&reason)).then_some((reason, said))
    }
}
