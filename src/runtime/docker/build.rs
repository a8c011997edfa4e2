//! A build in the words of the engine's classic builder.

use bollard::query_parameters::BuildImageOptions;
use bytes::Bytes;

use crate::runtime::{BuildOrder, RuntimeError};

/// The request and the context that goes with it, or what the builder cannot do.
pub(super) fn request(order: BuildOrder) -> Result<(BuildImageOptions, Bytes), RuntimeError> {
    let settings = order.settings;
    let mut hosts = settings.extra_hosts.into_iter();
    let (host, more) = (hosts.next(), hosts.next());
    if more.is_some() {
        // The client sends this parameter once only.
        return Err(RuntimeError::Other(
            "more than one entry in `build.extra_hosts` is not supported by pdex".to_owned(),
        ));
    }
    let shmsize = settings.shm_size.map(|bytes| {
        let too_large =
            || RuntimeError::Other(format!("`build.shm_size` of {bytes} bytes is too large for the builder"));
        i32::try_from(bytes).map_err(|_| too_large())
    });
    let options = BuildImageOptions {
        dockerfile: order.dockerfile,
        t: Some(order.tag),
        rm: true,
        forcerm: true,
        buildargs: Some(order.args.into_iter().collect()),
        labels: Some(order.labels.into_iter().collect()),
        target: order.target.unwrap_or_default(),
        nocache: settings.no_cache,
        pull: settings.pull.then(|| "true".to_owned()),
        networkmode: settings.network,
        extrahosts: host,
        shmsize: shmsize.transpose()?,
        cachefrom: (!settings.cache_from.is_empty()).then_some(settings.cache_from),
        platform: settings.platform.unwrap_or_default(),
        ..BuildImageOptions::default()
    };
    Ok((options, order.context))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::BuildSettings;

    fn order(settings: BuildSettings) -> BuildOrder {
        BuildOrder {
            context: Bytes::new(),
            dockerfile: "Dockerfile".to_owned(),
            tag: "t".to_owned(),
            args: std::collections::BTreeMap::new(),
            labels: std::collections::BTreeMap::new(),
            target: None,
            settings,
        }
    }

    #[test]
    fn settings_reach_the_builder() {
        let settings = BuildSettings {
            no_cache: true,
            pull: true,
            network: Some("host".to_owned()),
            extra_hosts: vec!["a:1.2.3.4".to_owned()],
            shm_size: Some(64),
            cache_from: vec!["i".to_owned()],
            platform: Some("linux/arm64".to_owned()),
            tags: Vec::new(),
        };
        let (options, _) = request(order(settings)).expect("made");
        assert!(options.nocache && options.pull.as_deref() == Some("true"));
        assert_eq!((options.networkmode.as_deref(), options.shmsize), (Some("host"), Some(64)));
        assert_eq!(options.extrahosts.as_deref(), Some("a:1.2.3.4"));
        assert_eq!(
            (options.cachefrom, options.platform.as_str()),
            (Some(vec!["i".to_owned()]), "linux/arm64")
        );
    }

    #[test]
    fn what_the_builder_cannot_do_is_said() {
        let hosts = vec!["a:1.2.3.4".to_owned(), "b:1.2.3.4".to_owned()];
        let refused = request(order(BuildSettings { extra_hosts: hosts, ..BuildSettings::default() }));
        assert!(refused.is_err_and(|e| e.to_string().contains("extra_hosts")));
    }
}
