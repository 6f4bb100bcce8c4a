// What operators see, as text and as JSON.
#include "controller/operate/render.h"

#include <fmt/format.h>

#include <cstdlib>
#include <regex>

#include "controller/rollout/deployments.h"
#include "protocol/limits.h"
#include "tests/controller/operate/operate_fixture.h"

namespace serin::operate {
namespace {

using controller::HistoryLine;
using controller::Trust;
using nlohmann::json;
using rollout::Ending;
using rollout::Phase;
using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

constexpr auto kShop = Operating::kShop;

/// Odd bytes in every text that comes from elsewhere: a terminal must not be told what to do.
const std::string kHostile = std::string("\x1b[2J\x1b]0;title\x07\r\n\t\xff\xc3 \xc2\x9b") + '\0';

/// Nothing in it but characters that show something, and line feeds.
bool is_safe(const std::string& text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if ((byte < 0x20 && byte != '\n') || byte == 0x7f || byte == 0xff) return false;
    if (byte == 0xc2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xa0) return false;
  }
  return json::accept(json(text).dump());
}

/// The text is safe, and so is every text within the JSON.
void expect_safe(const OperatorEvent& event) {
  EXPECT_TRUE(is_safe(event.text)) << event.text;
  ASSERT_TRUE(json::accept(event.json)) << event.json;
  EXPECT_TRUE(is_safe(event.json)) << event.json;
  EXPECT_EQ(event.json.find('\n'), std::string::npos);
  const json flat = json::parse(event.json).flatten();
  for (const auto& [key, value] : flat.items()) {
    EXPECT_TRUE(!value.is_string() || is_safe(value.get<std::string>())) << key << ": " << value;
  }
}

struct Showing : Operating {
  OperatorEvent shown() {
    const OperatorEvent event = render_status(state, kShop, now);
    EXPECT_TRUE(event.final);
    EXPECT_EQ(event.kind, "status");
    EXPECT_EQ(event.exit_code, 0);
    expect_safe(event);
    return event;
  }
  json status_json() { return json::parse(shown().json); }
};

TEST(Render, status_shows_every_host_and_what_is_released) {
  Showing fleet;
  fleet.state.releases[kShop][1].release.message = "first prices";
  fleet.state.releases[kShop][1].release.created_s = 1'800'000'000 - 3 * 3'600;
  fleet.now.steady += 3s;
  EXPECT_EQ(fleet.shown().text, fmt::format("shop: r1 ({}) is released; built by alice 3 h ago: first prices\n"
                                            "HOST    GROUP   STATE   RELEASE  SEEN  ERRORS/S\n"
                                            "web-01  canary  loaded  r1       3 s   -\n"
                                            "web-02  fleet   loaded  r1       3 s   -\n"
                                            "web-03  fleet   loaded  r1       3 s   -\n"
                                            "web-04  fleet   loaded  r1       3 s   -\n",
                                            fleet.root_of(1).brief()));
}

TEST(Render, status_as_json_has_the_same) {
  Showing fleet;
  fleet.now.steady += 3s;
  const json status = fleet.status_json();
  EXPECT_EQ(status.at("event"), "status");
  EXPECT_EQ(status.at("application"), "shop");
  EXPECT_EQ(status.at("read_only"), "");
  EXPECT_EQ(status.at("wanted"), (json{{"release", 1}, {"root", fleet.root_of(1).hex()}, {"trust", "trusted"}}));
  EXPECT_EQ(status.at("deployment"), nullptr);
  ASSERT_EQ(status.at("hosts").size(), 4U);
  EXPECT_EQ(status.at("hosts").at(0), (json{{"host", "web-01"},
                                            {"group", "canary"},
                                            {"presence", "connected"},
                                            {"state", "loaded"},
                                            {"release", 1},
                                            {"runs_wanted", true},
                                            {"note", ""},
                                            {"errors_per_second", nullptr},
                                            {"controller_key", ""},
                                            {"old_code", json::array()},
                                            {"drift", 0},
                                            {"drift_path", ""},
                                            {"verified_ms_ago", nullptr},
                                            {"seen_ms_ago", 3'000}}));
}

TEST(Render, status_shows_errors_per_second_of_the_last_ten) {
  Showing fleet;
  const std::int64_t clock_ms = fleet.now.steady.time_since_epoch().count();
  Report report{.run = "counter", .sequence = 1, .clock_ms = clock_ms};
  report.applications = {{.application = kShop, .rules_hash = "rules", .seconds = {}, .gap = ""}};
  for (int i = 10; i > 0; --i) report.applications[0].seconds.push_back({clock_ms / 1'000 - i, i == 1 ? 5U : 0U, 9});
  fleet.say(2, report);
  EXPECT_THAT(fleet.shown().text, ContainsRegex("web-02 .* 0\\.50\n"));
  EXPECT_EQ(fleet.status_json().at("hosts").at(1).at("errors_per_second"), 0.5);
}

TEST(Render, status_tells_what_is_odd_about_a_host) {
  Showing fleet;
  fleet.status(1).blind = "cannot read /var/log/shop.log: Permission denied";
  fleet.heartbeat(1);
  fleet.say(2, Heartbeat{.wall_ms = fleet.now.wall.time_since_epoch().count() + 3'600'000,
                         .applications = {fleet.status(2)}});
  fleet.say(3, Heartbeat{.wall_ms = fleet.now.wall.time_since_epoch().count()});
  fleet.status(4).live_root = fleet.root_of(9);
  fleet.status(4).live_release = 0;
  fleet.say(4,
            Heartbeat{.wall_ms = fleet.now.wall.time_since_epoch().count() - 5'400, .applications = {fleet.status(4)}});
  const std::string text = fleet.shown().text;
  EXPECT_THAT(text, ContainsRegex("web-01 .* BLIND: cannot read /var/log/shop.log: Permission denied\n"));
  EXPECT_THAT(text, ContainsRegex("web-02 .* its clock is 1h ahead\n"));
  EXPECT_THAT(text, ContainsRegex("web-03 .* unknown .* its agent.toml has no \\[application.shop\\]\n"));
  EXPECT_THAT(text, ContainsRegex("web-04 .* loaded +- .* its clock is 5s behind; catching up\n"));
  EXPECT_THAT(text, HasSubstr("2 of 4 hosts do not run r1\n"));
  EXPECT_FALSE(fleet.status_json().at("hosts").at(3).at("runs_wanted").get<bool>());
}

TEST(Render, status_tells_that_a_release_is_being_built) {
  Showing fleet;
  fleet.state.building[kShop] = {.owner = "alice", .since = fleet.now.wall - 40s};
  EXPECT_THAT(fleet.shown().text, HasSubstr("alice is building a release of shop (begun 40 s ago)\n"));
  EXPECT_EQ(fleet.status_json().at("building").at("owner"), "alice");
  fleet.state.building.clear();
  EXPECT_EQ(fleet.status_json().at("building"), nullptr);
}

TEST(Render, status_tells_why_a_host_could_not_catch_up_and_when_it_is_tried_again) {
  Showing fleet;
  fleet.add_release(2, Trust::trusted);
  fleet.state.wanted[kShop] = 2;
  Order order = fleet.orders(fleet.heartbeat(1)).at(0);
  const auto fail = [&] {
    fleet.status(1).last_order = order.id;
    fleet.say(1, Outcome{.application = kShop,
                         .order = order.id,
                         .result = StepResult::unchanged,
                         .step = "pull",
                         .output = "no space"});
  };
  fail();
  fleet.now.steady += 10s;
  EXPECT_THAT(fleet.shown().text, HasSubstr("catching up failed 1 of 3 times, tried again in 4m50s: pull: no space"));
  for (int i = 0; i < 2; ++i) {
    fleet.now.steady += 5min;
    order = fleet.orders(fleet.heartbeat(1)).at(0);
    EXPECT_THAT(fleet.shown().text, HasSubstr("times, tried again now: pull"));
    fail();
  }
  EXPECT_THAT(fleet.shown().text,
              HasSubstr("catching up failed 3 of 3 times, not tried again before its agent is restarted: pull"));
}

TEST(Render, status_tells_what_serves_other_code_than_the_release) {
  Showing fleet;
  fleet.status(1).old_code = {{.slot = "r9-9f86d081884c", .pid = 123, .command = "php-\x1b[0m"}};
  fleet.heartbeat(1);
  fleet.status(2).live_release = 0;
  fleet.status(2).adopted = true;
  fleet.heartbeat(2);
  const std::string text = fleet.shown().text;
  EXPECT_THAT(text, ContainsRegex("web-01 .* runs old code: pid 123 \\(php-.e\\[0m\\) in r9-9f86d081884c\n"));
  EXPECT_THAT(text, ContainsRegex("web-02 .* runs the folder from before Serin"));
  const auto use = fleet.status_json().at("hosts").at(0).at("old_code").at(0);
  EXPECT_EQ(use.at("pid"), 123);
  EXPECT_EQ(use.at("slot"), "r9-9f86d081884c");
}

TEST(Render, status_tells_who_is_away) {
  Showing fleet;
  fleet.tick(7s);
  fleet.heartbeat(1);
  EXPECT_THAT(fleet.shown().text, ContainsRegex("web-02 .* silent \\(loaded\\) .* 7 s"));
  fleet.tick(30s);
  EXPECT_THAT(fleet.shown().text, ContainsRegex("web-02 .* lost \\(loaded\\) .* 37 s"));
  EXPECT_EQ(fleet.status_json().at("hosts").at(1).at("presence"), "lost");
}

TEST(Render, status_names_two_machines_with_one_key) {
  Showing fleet;
  fleet.state.roster.hello("web-01", {.instance = "run", .machine = "clone"}, "link", "10.0.0.9", 77, fleet.now);
  EXPECT_THAT(fleet.shown().text, ContainsRegex("web-01 .* conflict \\(loaded\\) .* two machines use its key"));
}

TEST(Render, what_needs_a_person_stands_first) {
  Showing fleet;
  fleet.status(3).state = HostState::broken;
  fleet.heartbeat(3);
  EXPECT_EQ(fleet.status_json().at("hosts").at(0).at("host"), "web-03");
}

TEST(Render, states_are_told_in_words_and_in_names_for_scripts) {
  Showing fleet;
  fleet.status(2).state = HostState::taken_back;
  fleet.heartbeat(2);
  EXPECT_THAT(fleet.shown().text, ContainsRegex("web-02 .* taken back "));
  EXPECT_EQ(fleet.status_json().at("hosts").at(1).at("state"), name_of(HostState::taken_back));
}

TEST(Render, status_of_a_fleet_without_a_release_or_a_host) {
  Showing fleet;
  fleet.state.wanted.clear();
  EXPECT_THAT(fleet.shown().text, StartsWith("shop: nothing is released yet\n"));
  EXPECT_EQ(fleet.status_json().at("wanted"), nullptr);
  fleet.state.roster = fleet::Roster{2s, 30s};
  EXPECT_EQ(fleet.shown().text,
            "shop: nothing is released yet\nno host: start serin-agent on one, then `serin hosts`\n");
}

TEST(Render, status_says_that_nothing_can_be_stored) {
  Showing fleet;
  fleet.state.read_only = "database /x/serin.db: " + kHostile;
  fleet.state.low_space = "only 1 B left at /x " + kHostile;
  EXPECT_THAT(fleet.shown().text, StartsWith("READ ONLY: database /x/serin.db: \\e[2J"));
  EXPECT_THAT(fleet.shown().text, HasSubstr("DISK NEARLY FULL: only 1 B left at /x "));
  EXPECT_EQ(fleet.status_json().at("read_only").get<std::string>().substr(0, 21), "database /x/serin.db:");
}

TEST(Render, a_forced_release_is_shown_as_no_baseline_yet) {
  Showing fleet;
  fleet.state.releases[kShop][1].trust = Trust::forced;
  EXPECT_THAT(fleet.shown().text, HasSubstr("is released (forced: not yet trusted as a baseline); built by"));
}

TEST(Render, status_shows_the_running_deployment_with_its_countdown) {
  Showing fleet;
  fleet.soak();
  fleet.tick(4s);
  EXPECT_THAT(fleet.shown().text,
              HasSubstr("deployment 1 by alice: shop r2 canaries soak: ok 1, failed 0, in flight 0, left 3, verdict in "
                        "16 s\n"));
  EXPECT_THAT(fleet.shown().text, Not(HasSubstr("do not run")));
  const json deployment = fleet.status_json().at("deployment");
  EXPECT_EQ(deployment.at("deployment"), 1);
  EXPECT_EQ(deployment.at("phase"), "soaking");
  EXPECT_EQ(deployment.at("stage"), "canary");
  EXPECT_EQ(deployment.at("hosts"), 4);
  EXPECT_EQ(deployment.at("ok"), 1);
  EXPECT_EQ(deployment.at("left"), 3);
  EXPECT_EQ(deployment.at("verdict"), nullptr);
  EXPECT_EQ(deployment.at("message"), "faster cart");
}

TEST(Render, status_of_a_held_deployment_tells_the_ways_out_and_the_time_left) {
  Showing fleet;
  fleet.hold();
  fleet.now.steady += 10min;
  EXPECT_THAT(fleet.shown().text,
              HasSubstr("  held: serin continue | serin abort | serin rollback; taken back in 20 min\n"));
  EXPECT_EQ(fleet.status_json().at("deployment").at("verdict").at("answer"), "inconclusive");
  fleet.state.active.at(kShop).rollout.on_hold_end = controller::OnHoldEnd::keep;
  EXPECT_THAT(fleet.shown().text, HasSubstr("serin rollback; it stays held\n"));
}

TEST(Render, a_hold_tells_why_and_what_can_be_done) {
  Showing fleet;
  fleet.hold();
  const OperatorEvent held = render_hold(fleet.rollout());
  EXPECT_FALSE(held.final);
  EXPECT_EQ(held.kind, "held");
  EXPECT_THAT(held.text, StartsWith("held: inconclusive (no-report): "));
  EXPECT_THAT(held.text, HasSubstr("serin continue: go on all the same; serin abort: take it back; it is taken back by "
                                   "itself after 30m"));
  EXPECT_EQ(json::parse(held.json).at("event"), "held");
  EXPECT_EQ(json::parse(held.json).at("exit"), 4);
  rollout::Rollout kept = fleet.rollout();
  kept.on_hold_end = controller::OnHoldEnd::keep;
  EXPECT_THAT(render_hold(kept).text, HasSubstr("serin abort: take it back; it stays held until then"));
}

TEST(Render, the_end_tells_outcome_exit_code_and_summary) {
  Showing fleet;
  fleet.soak();
  const auto back = fleet.ask({.verb = "abort"});
  fleet.finish(1, fleet.orders(back).at(0), StepResult::loaded);
  const OperatorEvent end = render_end(fleet.state.latest.at(kShop));
  EXPECT_TRUE(end.final);
  EXPECT_EQ(end.exit_code, 3);
  EXPECT_THAT(end.text, StartsWith("aborted by alice; 1 of 1 hosts"));
  const json parsed = json::parse(end.json);
  EXPECT_EQ(parsed.at("event"), "done");
  EXPECT_EQ(parsed.at("outcome"), "aborted");
  EXPECT_EQ(parsed.at("exit"), 3);
  EXPECT_EQ(parsed.at("summary"), end.text);
  EXPECT_EQ(parsed.at("phase"), "finished");
  const json last = fleet.status_json().at("last");
  EXPECT_EQ(last.at("outcome"), "aborted");
  EXPECT_THAT(fleet.shown().text, HasSubstr("\nlast: aborted by alice; 1 of 1 hosts"));
}

TEST(Render, every_outcome_has_its_name_in_json) {
  std::vector<std::string> names;
  for (const Ending ending : {Ending::released, Ending::taken_back, Ending::aborted, Ending::superseded}) {
    rollout::Rollout rollout{.application = "shop", .phase = Phase::finished, .ending = ending};
    names.push_back(json::parse(render_end(rollout).json).at("outcome"));
  }
  EXPECT_THAT(names, ElementsAre("released", "taken_back", "aborted", "superseded"));
}

TEST(Render, history_shows_the_newest_deployments_and_their_outcome) {
  ::setenv("TZ", "UTC", 1);
  ::tzset();
  const HistoryLine taken_back{.id = 12,
                               .application = "shop",
                               .release = 7,
                               .owner = "alice",
                               .message = "faster cart",
                               .reason = "3 of 3 canaries log more errors",
                               .phase = Phase::finished,
                               .ending = Ending::taken_back,
                               .started_wall_ms = 1'700'000'000'000,
                               .ended_wall_ms = 1'700'000'060'000,
                               .hosts = 12,
                               .hosts_ok = 0};
  HistoryLine running{.id = 13, .application = "shop", .release = 8, .owner = "bob", .phase = Phase::going_back};
  running.force = true;
  running.hosts = 12;
  HistoryLine rollback = taken_back;
  rollback.rollback = true;
  rollback.reason.clear();
  rollback.ending = Ending::released;
  const OperatorEvent event = render_history({running, taken_back, rollback}, Now{});
  EXPECT_EQ(event.text,
            "ID  STARTED              APPLICATION  RELEASE  BY     OUTCOME     HOSTS  WHAT\n"
            "13  -                    shop         r8       bob    going back  0/12   FORCED:\n"
            "12  2023-11-14 22:13:20  shop         r7       alice  taken back  0/12   faster cart [3 of 3 canaries log "
            "more errors]\n"
            "12  2023-11-14 22:13:20  shop         r7       alice  released    0/12   rollback: faster cart\n");
  const json lines = json::parse(event.json).at("deployments");
  EXPECT_EQ(lines.at(0).at("outcome"), nullptr);
  EXPECT_EQ(lines.at(0).at("phase"), "going_back");
  EXPECT_EQ(lines.at(1).at("outcome"), "taken_back");
  EXPECT_EQ(lines.at(1).at("deployment"), 12);
  EXPECT_EQ(lines.at(1).at("ended_ms"), 1'700'000'060'000);
  EXPECT_EQ(render_history({}, Now{}).text, "nothing was deployed yet\n");
}

TEST(Render, hosts_shows_who_is_accepted_and_which_keys_wait) {
  Showing fleet;
  fleet.now.steady += 4s;
  const std::vector<PendingKey> pending{{.public_key = std::string(32, '\x0a'), .address = "10.0.0.9", .tries = 12}};
  const OperatorEvent event = render_hosts(fleet.state, pending, fleet.now);
  EXPECT_THAT(event.text, StartsWith("HOST    KEY               PRESENCE   SEEN  ADDRESS   LABELS\n"
                                     "web-01  0101010101010101  connected  4 s   10.0.0.1  canary\n"
                                     "web-02  0202020202020202  connected  4 s   10.0.0.1\n"));
  EXPECT_THAT(event.text, HasSubstr("\nPENDING KEY"));
  EXPECT_THAT(event.text, HasSubstr("0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a  10.0.0.9  12"));
  EXPECT_THAT(event.text, HasSubstr("accept one: serin hosts accept KEY --name NAME\n"));
  const json parsed = json::parse(event.json);
  EXPECT_EQ(parsed.at("hosts").size(), 4U);
  EXPECT_EQ(parsed.at("hosts").at(0).at("labels"), json({"canary"}));
  EXPECT_EQ(parsed.at("hosts").at(0).at("key"), to_hex(std::string(32, '\x01')));
  EXPECT_EQ(parsed.at("pending").at(0).at("tries"), 12);
  fleet.state.roster = fleet::Roster{2s, 30s};
  EXPECT_EQ(render_hosts(fleet.state, {}, fleet.now).text, "no host is accepted yet\n");
}

TEST(Render, hosts_tells_of_a_conflict) {
  Showing fleet;
  fleet.state.roster.hello("web-01", {.instance = "run", .machine = "clone"}, "link", "10.0.0.9", 77, fleet.now);
  const OperatorEvent event = render_hosts(fleet.state, {}, fleet.now);
  EXPECT_THAT(event.text, HasSubstr("CONFLICT web-01: two machines use its key, at 10.0.0.1 and 10.0.0.9: "));
  EXPECT_NE(json::parse(event.json).at("hosts").at(0).at("conflict"), "");
}

// ---- what comes from elsewhere ----

TEST(Render, a_message_of_whatever_bytes_is_escaped_everywhere) {
  Showing fleet;
  fleet.state.releases[kShop][1].release.message = kHostile;
  fleet.ask({.verb = "deploy", .message = kHostile + std::string(1'000'000, '\x1b')});
  for (const OperatorEvent& event : fleet.told_alice(fleet.built(fleet.root_of(2)))) expect_safe(event);
  EXPECT_THAT(fleet.shown().text, HasSubstr("d ago: \\e[2J\\e]0;title\\x07\\r\\n\\t\\xff\\xc3 \\xc2\\x9b\\x00\n"));
  expect_safe(render_progress(fleet.rollout(), fleet.now));
  expect_safe(render_hold(fleet.rollout()));
  const auto refusal = fleet.ask_as_bob({.verb = "deploy"});
  for (const OperatorEvent& event : fleet.told_bob(refusal)) expect_safe(event);
  expect_safe(
      render_history({{.application = "shop", .owner = kHostile, .message = kHostile, .reason = kHostile}}, {}));
}

TEST(Render, the_output_of_a_host_is_escaped_everywhere) {
  Showing fleet;
  fleet.status(1).blind = kHostile;
  fleet.heartbeat(1);
  fleet.deploy_tree("m", true);
  controller::Turn last;
  for (std::size_t host = 1; host <= 4; ++host) {
    last = fleet.say(host, Outcome{.application = kShop,
                                   .order = {1, 1},
                                   .action = OrderAction::activate,
                                   .result = StepResult::broken,
                                   .step = kHostile,
                                   .exit_status = 1,
                                   .output = kHostile + std::string(1'000'000, '\x9b')});
    for (const OperatorEvent& event : fleet.told_alice(last)) expect_safe(event);
  }
  fleet.shown();
  rollout::Rollout ended = fleet.rollout();
  fleet.state.active.clear();
  ended.reason = kHostile;
  ended.verdict = judge::Verdict{.text = kHostile, .hosts = {{.host = "web-01", .trouble = kHostile}}};
  ended.phase = Phase::finished;
  expect_safe(render_end(ended));
  fleet.state.latest[kShop] = ended;
  fleet.shown();
}

TEST(Render, what_an_agent_says_of_itself_is_escaped) {
  Showing fleet;
  fleet.state.roster.hello(
      "web-01", {.agent_version = kHostile, .instance = "run-1", .machine = "web-01", .controller_key = kHostile},
      "link", kHostile, 77, fleet.now);
  expect_safe(render_hosts(fleet.state, {{.public_key = "k", .address = kHostile}}, fleet.now));
}

TEST(Render, paths_of_a_diff_are_escaped_and_their_number_is_bounded) {
  release::BuildResult built{.root = digest_of("x"), .files = 7, .bytes = 900, .changes = {}, .summary = {}};
  built.changes = {{.path = kHostile, .before = std::nullopt, .after = TreeEntry{}},
                   {.path = "a", .before = TreeEntry{}, .after = std::nullopt},
                   {.path = "b", .before = TreeEntry{}, .after = TreeEntry{}}};
  built.summary = {.added = 1, .changed = 1, .removed = 1, .bytes = 12};
  const OperatorEvent few = render_diff(built, "shop", 3);
  expect_safe(few);
  EXPECT_FALSE(few.final);
  EXPECT_THAT(few.text,
              AllOf(StartsWith("shop: 1 changed, 1 added, 1 removed against r3 (12 B of new content; 7 files, "
                               "900 B in all)\n  added \\e[2J"),
                    HasSubstr("\n  removed a\n  changed b")));
  EXPECT_EQ(json::parse(few.json).at("not_listed"), 0);

  for (int i = 0; i < 1'000; ++i)
    built.changes.push_back({.path = std::string(4'000, '\x01'), .before = TreeEntry{}, .after = {}});
  built.summary.removed = 5'000;
  const OperatorEvent many = render_diff(built, "shop", 0);
  expect_safe(many);
  EXPECT_LT(many.text.size() + many.json.size(), 1U << 20);
  EXPECT_THAT(many.text, HasSubstr("… and 4982 more"));
  const json parsed = json::parse(many.json);
  EXPECT_EQ(parsed.at("not_listed").get<std::size_t>() + parsed.at("changes").size(), 5'002U);
}

TEST(Render, the_status_of_ten_thousand_hosts_fits_into_a_frame) {
  Showing fleet;
  fleet.state.roster = fleet::Roster{2s, 30s};
  for (int i = 0; i < 10'000; ++i) {
    const std::string name = fmt::format("frontend-{:05}.example.org", i);
    ASSERT_TRUE(fleet.state.roster.accept({.name = name, .public_key = name, .labels = {"zone-a"}}));
    fleet.state.roster.hello(name, {.machine = name}, name, "10.10.10.10", 1, fleet.now);
    fleet.state.roster.update(name, {fleet.status(1)}, 0);
  }
  const OperatorEvent status = render_status(fleet.state, kShop, fleet.now);
  EXPECT_LT(status.text.size() + status.json.size(), limits::kOperatorFrameBytesMax * 3 / 4);
  const OperatorEvent hosts = render_hosts(fleet.state, {}, fleet.now);
  EXPECT_LT(hosts.text.size() + hosts.json.size(), limits::kOperatorFrameBytesMax * 3 / 4);
}

TEST(Render, a_json_string_holds_any_bytes) {
  EXPECT_EQ(json_string("a\"b\\c\n"), R"("a\"b\\c\n")");
  EXPECT_TRUE(json::accept(json_string(kHostile)));
}

}  // namespace
}  // namespace serin::operate
