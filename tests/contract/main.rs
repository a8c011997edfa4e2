//! One contract for every implementation of `Runtime`: each clause runs on the simulated engine always, on this machine's
//! Docker where `PDEX_TEST_DOCKER=1` says so, and on the manager of a swarm where `PDEX_TEST_SWARM_ENGINE` has its address
//! (`tests/swarm/contract.sh` makes one). What the double promises in tests, the real engines thus keep, and the other way round.
//! A clause that is only for engines whose containers are their own says so in the table: Swarm has no such thing.

#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "helpers of a test fail it, and say what is skipped"
)]

mod containers;
mod network;
mod operate;
mod processes;
mod stage;
mod things;

/// Each clause as a test of its own on each engine.
macro_rules! clauses {
    ($($module:ident: $($clause:ident)* $(, one_engine: $($own:ident)*)?;)*) => {
        mod simulated {
            $($(#[test]
            fn $clause() {
                crate::stage::on_simulated(async |stage| crate::$module::$clause(stage).await);
            })* $($(#[test]
            fn $own() {
                crate::stage::on_simulated(async |stage| crate::$module::$own(stage).await);
            })*)?)*
        }
        mod docker {
            $($(#[test]
            fn $clause() {
                crate::stage::on_docker(stringify!($clause), async |stage| crate::$module::$clause(stage).await);
            })* $($(#[test]
            fn $own() {
                crate::stage::on_docker(stringify!($own), async |stage| crate::$module::$own(stage).await);
            })*)?)*
        }
        mod swarm {
            $($(#[test]
            fn $clause() {
                crate::stage::on_swarm(async |stage| crate::$module::$clause(stage).await);
            })*)*
        }
    };
}

clauses! {
    containers:
        a_container_is_made_started_stopped_and_removed
        what_is_done_already_is_a_success
        a_stopped_container_starts_again
        a_name_is_given_once
        what_takes_anothers_place_has_its_name_and_runs
        an_end_is_told_and_found_with_its_code
        ends_of_other_projects_are_not_told
        a_service_that_keeps_dying_is_seen_to
        what_was_printed_can_be_read
        a_container_has_what_it_was_ordered,
        // Swarm replaces in place and renames nothing.
        one_engine: a_replacement_takes_the_place_of_the_old_one;
    network:
        a_command_inside_gives_its_code_and_output
        a_command_inside_is_given_up_in_time
        a_published_port_is_open_when_something_listens
        a_published_port_without_a_listener_is_not_taken_for_open
        a_port_is_published_once;
    operate:
        all_containers_are_listed
        a_signal_ends_what_runs
        a_container_goes_with_or_without_its_volumes
        an_end_is_waited_for
        what_runs_uses_something
        processes_are_listed
        what_happened_is_told_in_order
        lines_are_told_with_their_times
        who_follows_gets_the_lines_that_come
        images_travel_as_a_tar
        a_broken_tar_brings_nothing
        the_files_of_an_image_come_as_a_tar
        a_volume_is_filled_and_read_while_it_is_used
        a_volume_whose_tar_breaks_off_is_not_called_full,
        // Swarm does not know of pauses, gives each container of a service its share, and its own form is that of a service.
        one_engine: a_paused_container_goes_on a_share_of_the_processors_is_changed_and_put_back
            things_are_told_in_the_engines_form;
    processes:
        a_command_prints_and_ends_with_its_code
        a_command_reads_its_input_to_the_end
        a_command_runs_as_it_was_ordered
        nothing_is_run_in_what_does_not_run
        a_one_off_container_stands_beside_the_others
        a_one_off_container_reads_its_input
        a_one_off_container_goes_when_it_has_ended;
    things:
        an_engine_says_who_it_is
        networks_come_and_go
        a_network_in_use_stays
        volumes_come_and_go
        a_volume_in_use_stays
        only_the_own_project_is_observed
        an_image_is_there_or_not
        an_image_is_made_from_a_recipe
        a_container_needs_its_image
        a_registry_that_is_not_there_is_called_so;
}
