#include "controller/judge/verdict_json.h"

#include <nlohmann/json.hpp>

#include "protocol/text.h"

namespace serin::judge {

namespace {
using Json = nlohmann::json;
}

Json numbers_json(const SequentialNumbers& numbers) {
  Json set_aside = Json::array();
  for (const SetAside& host : numbers.set_aside) {
    set_aside.push_back({{"host", host.host},
                         {"role", host.role == Role::canary ? "canary" : "control"},
                         {"why", printable(host.why)}});
  }
  Json signatures = Json::array();
  for (const NewSignature& signature : numbers.signatures) {
    signatures.push_back({{"signature", printable(signature.id)},
                          {"sample", printable(signature.sample)},
                          {"count", signature.count},
                          {"hosts", signature.hosts},
                          {"fails", signature.fails}});
  }
  return {{"times", numbers.ratio},
          {"times_low", numbers.ratio_low},
          {"times_high", numbers.ratio_high},
          {"canaries_errors_per_second", numbers.canary_rate},
          {"controls_errors_per_second", numbers.control_rate},
          {"canaries_errors", numbers.canary_errors},
          {"controls_errors", numbers.control_errors},
          {"capped", numbers.capped},
          {"fail_evidence", numbers.fail_evidence},
          {"fail_evidence_without_one", numbers.fail_evidence_without_one},
          {"pass_evidence", numbers.pass_evidence},
          {"pass_evidence_adverse", numbers.pass_evidence_adverse},
          {"dispersion", numbers.dispersion},
          {"spread", numbers.spread},
          {"set_aside", std::move(set_aside)},
          {"signatures", std::move(signatures)}};
}

nlohmann::json verdict_json(const Verdict& verdict) {
  Json hosts = Json::array();
  for (const HostFinding& host : verdict.hosts) {
    hosts.push_back({{"host", host.host},
                     {"errors_per_second_before", host.rate_before},
                     {"errors_per_second_after", host.rate_after},
                     {"limit", host.limit},
                     {"over", host.over},
                     {"trouble", printable(host.trouble)}});
  }
  Json json{{"answer", name_of(verdict.answer)}, {"judge", verdict.judge},     {"reason", verdict.reason},
            {"text", printable(verdict.text)},   {"seconds", verdict.seconds}, {"hosts", hosts}};
  json["numbers"] = verdict.numbers ? numbers_json(*verdict.numbers) : Json(nullptr);
  return json;
}

}  // namespace serin::judge
