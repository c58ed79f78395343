//! Which login the kubelet is offered first for each image of a Pipeline, and where it comes from. What every command says of it is said
//! here: [`images`] has the images and the pull secrets that their Pods list, by the operator's own order; [`read`] what is in those,
//! with the user's own rights and without a login; [`offer`] asks the kubelet's keyring.

mod images;
mod offer;
mod read;

pub(super) use images::{ImageOf, Listed, of_pod, of_world as images_of_world};
pub(super) use offer::{Offer, offer, source};
#[cfg(test)]
pub(super) use read::PullSecret;
pub(super) use read::{Files, files};

use std::collections::BTreeSet;

use kube::Client;
use serde_json::{Value, json};

use crate::model::world::World;

/// An image with what is offered for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Credential {
    /// The image, and whose.
    pub image: ImageOf,
    /// What is offered.
    pub offer: Offer,
}

impl Credential {
    /// What is offered for an image by what was read.
    pub(super) fn of(image: ImageOf, files: &Files) -> Self {
        Self { offer: offer(&image.image, &image.listed, files), image }
    }

    /// A line for people: the step, the image, and its login.
    pub(super) fn line(&self) -> String {
        let ImageOf { step, image, is_helper, .. } = &self.image;
        let what = if *is_helper { " (renders its input)" } else { "" };
        format!("{step}{what}: {image}, {}", self.offer.said())
    }

    /// For `-o json`.
    pub(super) fn json(&self) -> Value {
        let ImageOf { step, image, is_helper, .. } = &self.image;
        let mut object = self.offer.json();
        if let Some(fields) = object.as_object_mut() {
            fields.insert("step".into(), json!(step));
            fields.insert("image".into(), json!(image));
            fields.insert("helper".into(), json!(is_helper));
        }
        object
    }
}

/// What is offered for each image of a world; `spec` as it was written.
pub(super) async fn of_world(client: &Client, world: &World, spec: &Value) -> Vec<Credential> {
    let images = images_of_world(world, spec);
    let files = files(client, &world.subject.namespace, names(&images)).await;
    images.into_iter().map(|image| Credential::of(image, &files)).collect()
}

/// The pull secrets of all images.
pub(super) fn names(images: &[ImageOf]) -> BTreeSet<String> {
    images.iter().flat_map(|image| &image.listed).map(|listed| listed.name.clone()).collect()
}
