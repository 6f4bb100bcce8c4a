#include "tests/protocol/golden_samples.h"

#include "protocol/pack.h"

namespace serin::golden {

namespace {

using std::string_literals::operator""s;

ObjectId object(const std::string& name) {
  return digest_of(name);
}

ApplicationStatus status() {
  return {.application = "shop",
          .state = HostState::taken_back,
          .live_release = 11,
          .live_root = object("root of r11"),
          .live_for_ms = 86'400'000,
          .slots = {10, 11, 12},
          .last_order = {.deployment = 7, .sequence = 3},
          .rules_hash = "5f2c",
          .blind = "cannot read /var/log/shop/error.log: Permission denied",
          .adopted = true,
          .old_code = {{.slot = "r9-9f86d081884c", .pid = 4'711, .command = "php-fpm"}},
          .drift = 3,
          .drift_path = "lib/a\n.php",
          .verified_ms_ago = 3'600'000};
}

ApplicationStatus other_status() {
  ApplicationStatus other = status();
  other.application = "blog-2.example_org";
  other.state = HostState::loaded;
  other.live_for_ms = -1;
  other.slots = {18'446'744'073'709'551'615ULL};
  return other;
}

Hello hello() {
  return {.protocol_min = 1,
          .protocol_max = 2,
          .agent_version = "0.1.0",
          .instance = "00c0ffee00c0ffee",
          .boot_id = "8a9f4c1e-6f0e-4c5b-9a51-0c1d2e3f4a5b",
          .machine = object("machine").hex(),
          .controller_key = object("controller key").hex(),
          .clock_ms = 123'456'789,
          .wall_ms = 1'700'000'000'123,
          .applications = {status(), other_status()},
          .proxy_port = 4'702,
          .proxy_address = "web-1.example.org"};
}

Report report() {
  return {.run = "00c0ffee00c0ffee",
          .sequence = 4'294'967'296,
          .clock_ms = 123'456'790,
          .applications = {
              {.application = "shop",
               .rules_hash = "5f2c",
               .seconds = {{.second = 123'455,
                            .errors = 4'294'967'295,
                            .lines = 200,
                            .requests = 1,
                            .signatures = {{.id = 17, .count = 2}}},
                           {.second = 123'456,
                            .errors = 5,
                            .lines = 9,
                            .requests = 4'000,
                            .signatures = {{.id = 17, .count = 1}, {.id = 18'446'744'073'709'551'615U, .count = 4}}}},
               .gap = "error.log was truncated",
               .totals = {.errors = 1'000'000'000'000,
                          .lines = 2,
                          .requests = 3,
                          .late_errors = 4,
                          .late_lines = 5,
                          .skipped_bytes = 6,
                          .long_lines = 7,
                          .unparsed = 8,
                          .suppressed = 9},
               .texts = {{.id = 17, .rule = "php-fatal", .text = "any bytes: \xff"}}},
              {.application = "blog",
               .rules_hash = "77aa",
               .seconds = {{1, 2, 3, 4, {{5, 6}}}},
               .gap = "x",
               .totals = {1, 2, 3, 4, 5, 6, 7, 8, 9},
               .texts = {{.id = 5, .rule = "a", .text = "b"}}}}};
}

Outcome outcome() {
  return {.application = "shop",
          .order = {.deployment = 7, .sequence = 4},
          .action = OrderAction::activate,
          .result = StepResult::broken,
          .step = "reload hook",
          .exit_status = -9,
          .output = "any bytes: \n\033[31m\0\xff"s,
          .live_release = 12,
          .live_root = object("root of r12"),
          .at_ms = 123'456'791,
          .bytes_pulled = 65'536,
          .source_trouble = "proxy web-2 (tcp://10.0.0.2:4702) did not answer for 3 s"};
}

Welcome welcome() {
  return {.protocol = 1,
          .controller = "deadbeefdeadbeef",
          .host = "web-1.example.org",
          .session = 0x0102030405060708,
          .heartbeat_ms = 2'000,
          .lease_ms = 30'000,
          .spread_ms = 60,
          .content_port = 4'701,
          .report_since = 123'400};
}

OperatorRequest operator_request() {
  return {.verb = "deploy",
          .application = "shop",
          .arguments = {"lib/prices.sh", "naïve \n name"},
          .message = "colours\nand more",
          .sudo_user = "alice",
          .force = true,
          .dry_run = true,
          .yes = true,
          .yes_delete = true,
          .detach = true,
          .trace = true,
          .since_ms = 600'000,
          .group = "canary",
          .wait_ms = 20'000,
          .labels = {"canary", "rack-4"},
          .name = "web-1",
          .repair = true,
          .cwd = "/srv/staging/lib"};
}

OperatorEvent operator_event() {
  return {.final = true,
          .exit_code = 7,
          .kind = "done",
          .text = "taken back, 2 hosts are not\nweb-3: lost",
          .json = R"({"event":"done","exit":7})"};
}

}  // namespace

SigningKey signing_key() {
  return signing_key_from_seed(std::string(32, 's')).value();
}

Release release() {
  return {.application = "shop",
          .number = 12,
          .root = object("root of r12"),
          .parent = 11,
          .author = "alice",
          .message = "colours\n\033[2J\xff",
          .created_s = 1'700'000'000,
          .files = 12'000,
          .bytes = 5'000'000'000};
}

SignedRelease signed_release() {
  return sign_release(signing_key(), release());
}

Tree tree() {
  return {.entries = {{.name = "a\n\xff",
                       .kind = EntryKind::file,
                       .mtime_s = 1'700'000'000,
                       .size = 4'294'967'296,
                       .id = object("content of a")},
                      {.name = "bin", .kind = EntryKind::folder, .id = object("folder bin")},
                      {.name = "run", .kind = EntryKind::executable, .mtime_s = -1, .size = 7, .id = object("run")},
                      {.name = "shared", .kind = EntryKind::symlink, .target = "bin/./lib"}}};
}

std::vector<Envelope> messages() {
  const OrderId order{.deployment = 7, .sequence = 5};
  const std::vector<Message> all{
      hello(),
      welcome(),
      Heartbeat{.clock_ms = 123'456'792, .wall_ms = 1'700'000'000'126, .applications = {other_status()}},
      HeartbeatReply{.run = "00c0ffee00c0ffee", .sequence = 255},
      Resync{.reason = "this session is not the present one: say hello"},
      Problem{.text = "unsupported: canary_colour"},
      Order{.application = "shop",
            .id = order,
            .action = OrderAction::discard,
            .recipient = object("agent key").hex(),
            .release = signed_release(),
            .take_back = true,
            .from_controller = true},
      outcome(),
      OutcomeReply{.application = "shop", .order = order},
      report(),
      GetObject{.object = pack_name(object("from"), object("to")),
                .offset = 262'144,
                .length = 262'144,
                .pack_from = object("from"),
                .pack_to = object("to")},
      ObjectPart{.object = object("a pack"), .offset = 262'144, .object_bytes = 4'294'967'296, .edition = 77},
      ObjectRefused{.object = object("run"), .offset = 1, .reason = RefusalReason::busy, .retry_ms = 500},
      operator_request(),
      operator_event(),
      VerifyRequest{.application = "shop",
                    .number = (1ULL << 62U) + 1'700'000'000'123,
                    .repair = true,
                    .recipient = object("agent key").hex(),
                    .release = signed_release()},
      VerifyReport{.application = "shop",
                   .number = (1ULL << 62U) + 1'700'000'000'123,
                   .final = true,
                   .trouble = "web-1 has no \xff",
                   .release = 12,
                   .files = 12'000,
                   .bytes = 5'000'000'000,
                   .files_checked = 11'999,
                   .bytes_checked = 4'999'999'999,
                   .counts = {.missing = 1, .extra = 2, .changed = 3, .mode = 4, .mtime = 5},
                   .mended = 6,
                   .listed = {{.path = "lib/a\n\xff", .kind = DriftKind::mtime, .mended = true}}},
      ContentSources{.near = {{.host = "web-2.example.org",
                               .endpoint = "tcp://[2001:db8::2]:4702",
                               .key = object("a proxy's key").hex()}},
                     .far = {{.host = "db-1", .endpoint = "tcp://10.0.0.3:4702", .key = object("another key").hex()}}},
      FleetKeys{.begins = true,
                .ends = true,
                .admitted = std::string(object("a key").raw()) + std::string(object("a second key").raw()),
                .revoked = std::string(object("a third key").raw())},
      PackAhead{.from = object("from"), .to = object("to"), .edition = 77, .bytes = "a pack\0\xff"s},
  };
  std::vector<Envelope> envelopes;
  for (const Message& message : all) {
    Envelope envelope{.header = {.protocol = 1,
                                 .session = 0x0102030405060708,
                                 .request = 300,
                                 .reply_to = 70'000,
                                 .flags = kMustUnderstand},
                      .message = message};
    envelope.header.type = decode_header(encode(envelope).header)->type;
    envelopes.push_back(std::move(envelope));
  }
  return envelopes;
}

}  // namespace serin::golden
