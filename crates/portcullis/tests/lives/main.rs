//! The lives of grants, among real processes: the built program as a gate, its commands as people type them, mail over
//! TCP, letters that arrive and links that are followed, OpenLDAP, PostgreSQL, and an issuer of tokens.
//!
//! One file a life; `house` is where they are lived. Time is what a file says (`PORTCULLIS_CLOCK`), so that a year passes
//! in a moment. A program that is not installed is said and passed over, unless `PORTCULLIS_REQUIRE_PEERS` is set.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod copier_gets_a_credential;
mod exception_comes_to_its_end;
mod exception_waits_for_the_network;
mod grant_of_the_file;
mod head_answers_the_yearly_list;
mod house;
mod login_that_is_guessed_at;
mod mail_of_the_stopped;
mod mail_that_was_not_approved;
mod others_answer_for_it;
#[path = "../peers/house/mod.rs"]
mod peers;
mod person_of_the_directory;
mod phish_comes_through;
#[path = "../../../registry/src/store/postgres/tests/server.rs"]
mod postgres;
mod server_shows_a_certificate;
mod words_of_others;
mod year_without_mail;
