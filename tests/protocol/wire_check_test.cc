#include <gtest/gtest.h>

#include "protocol/limits.h"
#include "protocol/pack.h"
#include "protocol/wire.h"

/// What decode() refuses although the map is well formed, field by field.
namespace serin {
namespace {

template <class T>
Result<Envelope> pass(T message) {
  const Frames frames = encode({.header = {.protocol = limits::kProtocolNewest}, .message = std::move(message)});
  return decode(frames.header, frames.body);
}

template <class T>
std::string refusal_of(T message) {
  const auto envelope = pass(std::move(message));
  EXPECT_FALSE(envelope);
  if (envelope) return "accepted";
  EXPECT_EQ(envelope.error().kind, ErrorKind::invalid);
  return envelope.error().text;
}

ApplicationCounts counts_of(std::vector<SecondCounts> seconds) {
  return {.application = "shop", .seconds = std::move(seconds)};
}

TEST(Check, names_of_applications_are_plain_in_every_message) {
  for (const std::string& name : {std::string(), std::string("../etc"), std::string("a b"), std::string("\033[2J"),
                                  std::string(limits::kApplicationNameBytesMax + 1, 'a')}) {
    EXPECT_EQ(refusal_of(Hello{.applications = {{.application = name}}}), "hello: a bad application name");
    EXPECT_EQ(refusal_of(Heartbeat{.applications = {{.application = name}}}), "heartbeat: a bad application name");
    EXPECT_EQ(refusal_of(Report{.applications = {{.application = name}}}), "report: a bad application name");
    EXPECT_EQ(refusal_of(Outcome{.application = name}), "outcome: a bad application name");
    EXPECT_EQ(refusal_of(OutcomeReply{.application = name}), "outcome_reply: a bad application name");
    EXPECT_EQ(refusal_of(Order{.application = name}), "order: a bad application name");
  }
  const std::string longest(limits::kApplicationNameBytesMax, 'a');
  EXPECT_TRUE(pass(Order{.application = longest}));
  EXPECT_TRUE(pass(OperatorRequest{})) << "empty: the only one that is configured";
}

TEST(Check, a_host_has_a_plain_name) {
  EXPECT_TRUE(pass(Welcome{.host = "web-1.example.org"}));
  EXPECT_EQ(refusal_of(Welcome{}), "welcome: a bad host name");
  EXPECT_EQ(refusal_of(Welcome{.host = "web 1"}), "welcome: a bad host name");
  EXPECT_EQ(refusal_of(Welcome{.host = std::string(limits::kHostNameBytesMax + 1, 'h')}), "welcome: a bad host name");
}

TEST(Check, a_host_has_at_most_64_applications_each_named_once) {
  std::vector<ApplicationStatus> statuses(limits::kApplicationsPerHostMax);
  for (std::size_t i = 0; i < statuses.size(); ++i) statuses[i].application = "app" + std::to_string(i);
  EXPECT_TRUE(pass(Hello{.applications = statuses}));
  statuses.push_back({.application = "one-more"});
  EXPECT_EQ(refusal_of(Hello{.applications = statuses}), "hello: more applications than a host may have");
  EXPECT_EQ(refusal_of(Heartbeat{.applications = statuses}), "heartbeat: more applications than a host may have");
  EXPECT_EQ(refusal_of(Hello{.applications = {{.application = "a"}, {.application = "b"}, {.application = "a"}}}),
            "hello: an application twice");
  EXPECT_EQ(refusal_of(Heartbeat{.applications = {{.application = "a"}, {.application = "a"}}}),
            "heartbeat: an application twice");
  EXPECT_TRUE(pass(Report{.applications = {counts_of({{1, 0, 0}}), counts_of({{2, 0, 0}})}}))
      << "seconds with and without a gap are told apart";
}

TEST(Check, seconds_of_a_report_ascend_and_are_at_most_those_that_are_kept) {
  EXPECT_TRUE(pass(Report{.applications = {counts_of({{-1, 0, 0}, {0, 1, 1}, {5, 2, 2}})}}));
  EXPECT_EQ(refusal_of(Report{.applications = {counts_of({{2, 0, 0}, {1, 0, 0}})}}), "report: seconds out of order");
  EXPECT_EQ(refusal_of(Report{.applications = {counts_of({{2, 0, 0}, {2, 0, 0}})}}), "report: seconds out of order");
  std::vector<SecondCounts> seconds(static_cast<std::size_t>(limits::kReportedSecondsKept.count()));
  for (std::size_t i = 0; i < seconds.size(); ++i) seconds[i].second = static_cast<std::int64_t>(i);
  EXPECT_TRUE(pass(Report{.applications = {counts_of(seconds)}}));
  seconds.push_back({limits::kReportedSecondsKept.count()});
  EXPECT_EQ(refusal_of(Report{.applications = {counts_of(seconds)}}), "report: more seconds than a report may hold");
}

TEST(Check, messages_of_a_second_ascend_and_are_bounded_as_are_their_texts) {
  const auto of = [](std::vector<SignatureCount> signatures) {
    return Report{
        .applications = {counts_of({{.second = 1, .errors = 9, .lines = 9, .signatures = std::move(signatures)}})}};
  };
  EXPECT_TRUE(pass(of({{1, 1}, {2, 1}})));
  EXPECT_EQ(refusal_of(of({{2, 1}, {1, 1}})), "report: messages out of order");
  EXPECT_EQ(refusal_of(of({{2, 1}, {2, 1}})), "report: messages out of order");
  std::vector<SignatureCount> most(limits::kSignaturesPerSecond);
  for (std::size_t i = 0; i < most.size(); ++i) most[i].id = i;
  EXPECT_TRUE(pass(of(most)));
  most.push_back({.id = most.size()});
  EXPECT_EQ(refusal_of(of(most)), "report: more messages than a second may hold");
  Report texts{.applications = {counts_of({})}};
  texts.applications[0].texts.resize(limits::kSignatureTextsPerReport);
  EXPECT_TRUE(pass(texts));
  texts.applications[0].texts.emplace_back();
  EXPECT_EQ(refusal_of(texts), "report: more texts than a report may hold");
}

TEST(Check, an_operator_waits_at_most_a_year) {
  using std::chrono::milliseconds;
  const std::int64_t most = milliseconds(limits::kOperatorWaitMax).count();
  EXPECT_TRUE(pass(OperatorRequest{.wait_ms = -1})) << "as configured";
  EXPECT_TRUE(pass(OperatorRequest{.wait_ms = 0}));
  EXPECT_TRUE(pass(OperatorRequest{.wait_ms = most}));
  for (const std::int64_t wait_ms : {most + 1, INT64_MAX, std::int64_t{-2}, INT64_MIN}) {
    EXPECT_EQ(refusal_of(OperatorRequest{.wait_ms = wait_ms}),
              "operator_request: a wait of more than 366 days, or none");
  }
}

TEST(Check, parts_of_objects_are_within_the_bounds) {
  EXPECT_TRUE(pass(GetObject{.offset = UINT64_MAX, .length = limits::kChunkBytes})) << "answered, with `invalid`";
  EXPECT_EQ(refusal_of(GetObject{.length = 0}), "get_object: a part of a bad length");
  EXPECT_EQ(refusal_of(GetObject{.length = limits::kChunkBytes + 1}), "get_object: a part of a bad length");
  const ObjectId from = digest_of("from");
  const ObjectId to = digest_of("to");
  EXPECT_TRUE(pass(GetObject{.object = pack_name(from, to), .length = 1, .pack_from = from, .pack_to = to}));
  EXPECT_EQ(refusal_of(GetObject{.object = to, .length = 1, .pack_from = from, .pack_to = to}),
            "get_object: a pack of another name than its trees give it")
      << "else one host's pack would be another's object";
  EXPECT_TRUE(pass(ObjectPart{.offset = 7, .object_bytes = 7}));
  EXPECT_EQ(refusal_of(ObjectPart{.offset = 8, .object_bytes = 7}), "object_part: a part beyond its object");
  EXPECT_EQ(refusal_of(ObjectPart{.object_bytes = limits::kObjectBytesMax + 1}),
            "object_part: larger than an object or a pack may be");
}

TEST(Check, a_proxy_has_a_host_a_key_and_an_endpoint_and_there_are_not_many) {
  const ContentSource good{.host = "web-1", .endpoint = "tcp://10.0.0.1:4702", .key = digest_of("key").hex()};
  EXPECT_TRUE(pass(ContentSources{.near = {good}, .far = {good}}));
  const auto bad = [&](const auto& spoil) {
    ContentSource source = good;
    spoil(source);
    return refusal_of(ContentSources{.near = {good}, .far = {source}});
  };
  EXPECT_EQ(bad([](ContentSource& source) { source.host = "web 1"; }), "content_sources: a bad host name");
  EXPECT_EQ(bad([](ContentSource& source) { source.key.pop_back(); }), "content_sources: a bad key");
  EXPECT_EQ(bad([](ContentSource& source) { source.endpoint = "ipc:///run/x"; }), "content_sources: a bad endpoint");
  const std::vector<ContentSource> most(limits::kContentSourcesMax, good);
  EXPECT_TRUE(pass(ContentSources{.near = most}));
  EXPECT_EQ(refusal_of(ContentSources{.near = most, .far = {good}}), "content_sources: more sources than fit");
}

TEST(Check, keys_of_the_fleet_are_whole_and_come_in_slices) {
  const std::string most(limits::kFleetKeysPerMessage * 32, 'k');
  EXPECT_TRUE(pass(FleetKeys{.admitted = most, .revoked = most}));
  EXPECT_EQ(refusal_of(FleetKeys{.admitted = most + most.substr(0, 32)}),
            "fleet_keys: more keys than a message may hold");
  EXPECT_EQ(refusal_of(FleetKeys{.revoked = most.substr(1)}), "fleet_keys: a piece of a key");
}

TEST(Check, a_pack_that_comes_ahead_is_small_and_has_an_edition) {
  EXPECT_TRUE(pass(PackAhead{.edition = 1, .bytes = std::string(limits::kPackAheadBytesMax, 'p')}));
  EXPECT_EQ(refusal_of(PackAhead{.edition = 1, .bytes = std::string(limits::kPackAheadBytesMax + 1, 'p')}),
            "pack_ahead: a pack that should be asked for");
  EXPECT_EQ(refusal_of(PackAhead{.bytes = "p"}), "pack_ahead: a pack without its edition");
}

}  // namespace
}  // namespace serin
