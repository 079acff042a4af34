"""Each broken rule of tests/model/mutants, and the story that shows that it is broken.

The stories are tests of their own, which pass; with the rule broken they must not. That the simulation finds most of
them by itself is in test_allotment_protocol.py.
"""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.model.mutants import MUTANTS, Mutant, applied
from tests.support.rare_mutants import TOO_RARE
from tests.unit.core.sharing import test_allotment as stories
from tests.unit.core.sharing import test_allotment_object as shared
from tests.unit.core.sharing import test_continuity as restores
from tests.unit.core.sharing import test_credit as credit
from tests.unit.core.sharing import test_grants as grants
from tests.unit.core.sharing import test_name_claims as names

STORIES: dict[str, Callable[[], None]] = {
    "no_validity": grants.test_grants_nothing_once_its_last_write_is_older_than_its_validity,
    "validity_from_the_answer":
        stories.test_a_grant_ten_seconds_after_an_answer_that_took_ten_seconds_is_outside_validity,
    "release_on_sight":
        stories.test_a_write_that_retires_is_on_its_way_while_another_replica_books_with_an_older_view,
    "same_id_after_restart": stories.test_a_pod_was_allowed_and_its_replica_starts_again_before_the_pod_comes,
    "lost_lock": stories.test_two_reviews_at_once_ask_for_all_that_is_held,
    "spare_of_a_hand_back_still_granted": grants.test_what_is_on_its_way_and_what_is_in_force_must_both_cover_a_grant,
    "grants_from_what_is_not_yet_written": grants.test_a_booking_is_reserved_at_once_and_undone_if_it_fails,
    "load_forgets_grants_made_meanwhile": grants.test_what_is_on_its_way_and_what_is_in_force_must_both_cover_a_grant,
    "repeated_review_passes_on_a_tentative_booking":
        grants.test_a_review_that_is_repeated_is_answered_from_its_own_grant_but_not_from_a_tentative_one,
    "told_bookings_dropped": stories.test_a_review_goes_away_while_it_is_booked_for_and_is_repeated_before_the_answer,
    "duplicates_reserve_nothing":
        grants.test_a_lapse_frees_nothing_before_a_write_for_a_living_pod_may_have_paid,
    "forced_reserves_nothing": grants.test_what_policy_lets_in_is_reserved_though_nothing_is_held_and_then_blocks,
    "reported_without_asking_others":
        grants.test_what_is_on_trial_is_booked_past_the_bound_only_once_nobody_can_hand_anything_back,
    "trial_is_over_at_once":
        grants.test_what_is_on_trial_is_booked_past_the_bound_only_once_nobody_can_hand_anything_back,
    "trial_survives_a_lost_write": grants.test_what_is_on_trial_is_judged_again_if_its_booking_fails,
    "no_floor": shared.test_a_booking_needs_a_view_at_the_floor,
    "others_not_counted": stories.test_a_pod_was_allowed_and_its_replica_starts_again_before_the_pod_comes,
    "own_unseen_not_counted": stories.test_the_pods_are_listed_anew_before_a_granted_one_comes,
    "no_growth_passes_though_over":
        shared.test_a_name_that_is_paid_for_wants_the_sums_within_their_bounds_all_the_same,
    "open_not_held": stories.test_a_pod_was_allowed_and_its_replica_starts_again_before_the_pod_comes,
    "blind_write": stories.test_two_replicas_write_at_once_from_the_same_state,
    "own_write_hides_a_later_one": shared.test_what_others_wrote_meanwhile_is_built_on,
    "floor_not_raised": shared.test_a_booking_needs_a_view_at_the_floor,
    "retired_before_it_is_written":
        stories.test_a_write_that_retires_is_on_its_way_while_another_replica_books_with_an_older_view,
    "unknown_taken_for_failed": stories.test_the_answer_to_a_hand_back_is_lost_and_the_write_arrives_after_that,
    "one_uid_settles_the_name": stories.test_one_of_two_pods_of_a_name_comes_and_goes_and_the_other_comes_late,
    "plain_timeout": stories.test_a_stalled_watch_hides_a_pod_until_long_after_the_lapse,
    "early_lapse": grants.test_a_reservation_lapses_only_with_a_view_that_is_proven_fresh_after_the_lapse,
    "lapsing_frees_at_once": grants.test_a_lapse_frees_nothing_before_a_write_for_a_living_pod_may_have_paid,
    "proof_dated_at_its_end": stories.test_a_pod_comes_after_a_proof_was_asked_for_and_before_it_is_complete,
    "bookmark_before_its_events": stories.test_a_bookmark_is_told_before_a_pod_that_it_covers,
    "relist_forgets_grants": stories.test_the_pods_are_listed_anew_before_a_granted_one_comes,
    "delete_reviews_release": stories.test_a_deletion_is_reviewed_and_does_not_happen,
    "resizes_reserve_nothing": stories.test_a_pod_is_allowed_to_grow_and_grows_late,
    "resize_settled_by_what_was_reviewed": stories.test_a_pod_is_allowed_to_grow_before_its_creation_is_seen,
    "growths_of_one_pod_overlap": stories.test_a_pod_grows_and_is_allowed_to_grow_again_before_that_is_seen,
    "no_growth_reaches_further":
        stories.test_a_pod_is_resized_to_what_it_is_while_a_smaller_one_of_its_name_may_come,
    "confinements_reserve_nothing": stories.test_a_pod_that_waits_is_confined_to_the_pool_and_that_is_seen_late,
    "names_count_nothing": names.test_once_one_is_gone_duplicates_elsewhere_cost_one_footprint,
    "own_grants_count_beside_names":
        names.test_the_grants_of_a_replica_count_with_what_others_hold_for_the_same_name,
    "asked_counts_beside_its_name": names.test_a_duplicate_of_what_others_hold_room_for_needs_no_more,
    "growth_is_named": names.test_growth_is_not_told_for_it_comes_on_top_of_what_lives,
    "settled_is_named": names.test_what_came_and_was_seen_is_not_told_for_it_is_not_held_any_more,
    "another_pool_releases":
        names.test_what_is_told_of_a_name_is_held_until_a_write_though_its_pods_are_charged_elsewhere_by_now,
    "repeated_and_not_told":
        names.test_who_has_nothing_to_spare_tells_at_once_that_a_name_is_repeated_by_now,
    "early_expiry": shared.test_what_a_dead_replica_held_comes_back_after_the_documented_time_and_a_proof,
    "expiry_without_proof": shared.test_what_a_dead_replica_held_comes_back_after_the_documented_time_and_a_proof,
    "renewals_not_heard": shared.test_who_renews_is_not_silent_however_long_it_takes,
    "floor_not_raised_at_expiry":
        shared.test_who_takes_back_what_the_dead_held_makes_others_look_as_far_as_it_has_looked,
    "floor_below_the_highest_pod":
        shared.test_who_takes_back_what_the_dead_held_makes_others_look_as_far_as_it_has_looked,
    "rejoins_with_what_was_taken_back":
        shared.test_who_was_taken_for_dead_holds_nothing_for_what_it_granted_before,
    "refused_without_asking_others": shared.test_the_last_byte_is_granted_where_it_is_asked_after_a_call,
    "answers_of_lagging_views_count": shared.test_an_answer_is_worth_nothing_if_its_view_is_behind_the_callers,
    "calls_are_not_answered": shared.test_the_last_byte_is_granted_where_it_is_asked_after_a_call,
    "nobody_expires": shared.test_what_a_dead_replica_held_comes_back_after_the_documented_time_and_a_proof,
    "nothing_lapses": grants.test_a_reservation_lapses_only_with_a_view_that_is_proven_fresh_after_the_lapse,
    "closed_is_booked_from": stories.test_the_object_is_lost_and_a_new_replica_finds_the_mark_but_no_object,
    "opened_at_once": stories.test_the_object_is_lost_and_a_new_replica_finds_the_mark_but_no_object,
    "opened_without_proof":
        shared.test_a_lost_object_is_made_closed_and_opened_after_the_documented_time_and_a_proof,
    "opened_with_the_old_floor": shared.test_who_opens_a_new_object_makes_others_look_as_far_as_it_has_looked,
    "fresh_more_than_once": shared.test_the_right_to_open_at_once_opens_the_first_object_only,
    "everybody_is_fresh": stories.test_the_object_is_lost_and_a_new_replica_finds_the_mark_but_no_object,
    "old_copies_trusted": shared.test_an_old_copy_is_damage,
    "own_writes_not_witnessed": shared.test_an_old_copy_is_damage,
    "forks_trusted": shared.test_an_old_copy_on_which_somebody_has_built_is_damage,
    "edits_trusted": stories.test_somebody_empties_what_a_replica_holds_and_a_new_replica_reads_it,
    "old_events_believed": shared.test_news_that_is_older_than_what_was_read_is_no_news,
    "credit_is_never_returned": credit.test_what_is_seen_is_open_no_longer,
    "duplicates_need_no_credit":
        credit.test_a_duplicate_of_an_open_name_costs_what_it_asks_or_it_would_be_held_for_ever,
    "each_owner_has_a_credit_of_its_own": credit.test_a_namespace_has_no_more_however_many_owners_it_makes,
    "open_elsewhere_counts_as_left":
        credit.test_what_other_replicas_have_open_is_not_left_but_what_they_have_to_spare_is,
    "bookings_need_no_credit": credit.test_those_who_are_booked_for_together_stay_within_the_credit_together,
    "forced_reserve_beyond_credit": credit.test_what_policy_lets_in_is_reserved_within_the_credit_only,
    "lapses_are_forgiven": credit.test_whose_pods_lapse_has_a_small_credit_and_a_pause_then_one_try,
    "nobody_speaks_for_what_lapsed": credit.test_who_has_some_refused_and_others_come_is_not_shut_out,
    "tiny_pods_clear_history":
        credit.test_a_pod_as_large_that_comes_clears_it_everywhere_and_a_small_one_does_not,
    "one_pod_in_a_pause": credit.test_whose_pods_lapse_has_a_small_credit_and_a_pause_then_one_try,
    "history_is_not_shared": credit.test_the_other_replicas_know_it_before_they_can_grant_what_came_free,
    "outages_count": credit.test_what_was_open_during_an_outage_is_held_against_nobody,
    "taken_names_have_credit":
        credit.test_a_create_under_a_name_that_is_taken_has_a_small_credit_beyond_what_lives_there,
    "restores_not_noticed": restores.test_a_read_that_went_back_shows_that_the_object_is_an_old_copy,
    "restored_object_trusted":
        restores.test_a_list_that_went_back_makes_the_object_an_old_copy_though_nobody_had_written_it_since,
    "unknown_copy_trusted":
        restores.test_an_unknown_copy_that_is_open_is_damage_for_as_long_as_what_was_granted_may_come,
    "old_revisions_kept": restores.test_the_new_object_has_a_floor_of_the_new_history,
    "seen_before_the_restore_raises_the_floor": restores.test_a_pod_that_was_seen_and_is_undone_raises_no_floor,
    "grants_go_on_after_an_outage": restores.test_after_an_outage_nothing_is_granted_from_what_was_booked_before,
    "old_bookings_vouched_for": restores.test_a_write_that_was_sent_before_an_outage_lets_nobody_in_after_it,
    "writes_outlast_outages": restores.test_nor_does_one_that_was_sent_in_the_middle_of_the_outage,
    "booked_before_a_list": restores.test_who_hears_of_an_object_made_anew_books_nothing_before_it_has_listed,
    "undone_writes_not_missed": restores.test_a_copy_on_which_others_have_built_further_lacks_what_its_reader_wrote,
    "views_of_the_past_trusted":
        restores.test_where_an_api_server_shows_the_past_nothing_is_opened_or_booked_before_it_is_restarted,
    "old_watch_believed": restores.test_what_is_told_before_the_list_is_of_what_never_happened,
    "leaves_with_open_reservations":
        shared.test_a_replica_that_leaves_keeps_only_what_may_still_come_and_then_nothing,
}  # fmt: skip


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_broken_rule_spoils_its_story(mutant: Mutant) -> None:
    story = STORIES[mutant.name]
    story()
    with applied(mutant), pytest.raises(AssertionError):
        story()


def test_no_story_is_told_of_a_rule_that_nobody_breaks() -> None:
    assert STORIES.keys() == {mutant.name for mutant in MUTANTS}


def test_the_document_lists_them_all_and_what_catches_them() -> None:
    document = (Path(__file__).parents[4] / "docs" / "protocol.md").read_text(encoding="utf-8")
    (_, _, broken) = document.partition("These are the ways in which the rules are broken")
    listed = re.findall(r"`([a-z]+_[a-z_]+)`(\*?)", broken)
    assert {name for name, _ in listed} == STORIES.keys()
    assert {name for name, star in listed if not star} == TOO_RARE
