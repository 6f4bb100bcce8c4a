#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "controller/evidence/host_naming.h"
#include "controller/evidence/prometheus.h"
#include "controller/evidence/prometheus_parts.h"
#include "controller/evidence/series_growth.h"
#include "protocol/text.h"

namespace serin::evidence {

namespace {

using Json = nlohmann::json;

using parts::Malformed;

constexpr double kStaleScrapes = 2.5;  ///< a sample that is older than so many scrapes is stale

/// Absent for NaN, which marks that a series has ended.
std::optional<double> number_of(const Json& json) {
  const std::string& text = json.get_ref<const std::string&>();
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) {
    if (text == "+Inf") return std::nullopt;
    throw Malformed(fmt::format("'{}' is no number", printable(text, 40)));
  }
  if (!std::isfinite(number)) return std::nullopt;
  return number;
}

/// The series of one span of one host.
struct HostSeries {
  SeriesByLabels errors, requests;
  SeriesByLabels& of(parts::Expression expression) {
    return expression == parts::Expression::errors ? errors : requests;
  }
};

class Reader {
 public:
  Reader(const Question& question, HostNames names)
      : question_(question),
        names_(std::move(names)),
        before_(question.hosts.size()),
        since_(question.hosts.size()),
        newest_errors_(question.hosts.size()),
        newest_requests_(question.hosts.size()) {}

  void read(const parts::Request& request, const Json& result) {
    for (const Json& series : result) {
      Json labels = series.at("metric");
      const std::size_t host = host_of(labels);
      labels.erase("__name__");
      if (request.asked == parts::Asked::newest) {
        read_newest(request.expression, host, series.at("value"));
        continue;
      }
      const Span& span = request.before ? *question_.before : *question_.since;
      Series& of_host = (request.before ? before_ : since_)[host].of(request.expression)[labels.dump()];
      of_host.target = labels.value("job", "") + '\n' + labels.value("instance", "");
      auto& points = request.asked == parts::Asked::values ? of_host.values : of_host.times;
      points.resize(static_cast<std::size_t>(parts::points_of(question_, span)));
      for (const Json& value : series.at("values")) points[point_of(span, value)] = number_of(value.at(1));
    }
  }

  Reading reading() {
    Reading reading{.hosts = {}, .newest = {}, .server_at = server_at_, .messages = {}, .matches = {}};
    for (std::size_t i = 0; i < question_.hosts.size(); ++i) {
      HostReading& host = reading.hosts.emplace_back();
      if (question_.before) host.before = steps_of(i, *question_.before, before_[i]);
      if (question_.since) host.since = steps_of(i, *question_.since, since_[i]);
      host.newest = newest_of(i);
      if (host.newest) reading.newest = std::max(reading.newest.value_or(*host.newest), *host.newest);
      reading.matches.documents += since_[i].errors.size();
    }
    return reading;
  }

 private:
  std::size_t host_of(const Json& labels) const {
    const auto label = labels.find(question_.settings.prometheus.host_label);
    if (label == labels.end()) {
      throw Malformed(fmt::format("a series has no label {}", question_.settings.prometheus.host_label));
    }
    std::string name = label->get<std::string>();
    const std::size_t colon = name.rfind(':');
    const bool port =
        colon != std::string::npos && name.find_first_not_of("0123456789", colon + 1) == std::string::npos;
    if (port) name.resize(colon);
    const auto found = names_.find(name);
    if (!found) throw Malformed(fmt::format("it names a host that was not asked for: {}", printable(name, 80)));
    return *found;
  }

  [[nodiscard]] std::size_t point_of(const Span& span, const Json& value) const {
    const double offset = value.at(0).get<double>() - static_cast<double>(parts::wall_ms(question_, span.from)) / 1'000;
    const double index = std::round(offset / static_cast<double>(question_.settings.step.count()));
    const bool on_grid = std::abs(offset - index * static_cast<double>(question_.settings.step.count())) < 0.01;
    if (!on_grid || index < 0 || index >= static_cast<double>(parts::points_of(question_, span))) {
      throw Malformed("a time was not asked for");
    }
    return static_cast<std::size_t>(index);
  }

  [[nodiscard]] std::int64_t controller_second(double wall) const {
    if (!(std::abs(wall) < 1e12)) throw Malformed("a time is no time");
    const Duration at{static_cast<std::int64_t>(wall * 1'000) - question_.wall_minus_clock.count()};
    return std::chrono::floor<std::chrono::seconds>(at).count();
  }

  /// A counter's sample tells its time as its value; a gauge's point is as new as the question.
  void read_newest(parts::Expression expression, std::size_t host, const Json& value) {
    server_at_ = controller_second(value.at(0).get<double>());
    const bool counter = question_.settings.prometheus.kind == SeriesKind::counter;
    const auto wall = counter ? number_of(value.at(1)) : std::optional<double>{value.at(0).get<double>()};
    if (!wall) return;
    const std::int64_t second = controller_second(*wall);
    auto& newest = (expression == parts::Expression::errors ? newest_errors_ : newest_requests_)[host];
    newest = std::max(newest.value_or(second), second);
  }

  [[nodiscard]] std::optional<std::int64_t> newest_of(std::size_t host) const {
    const PrometheusQueries& queries = question_.settings.prometheus;
    if (queries.requests.empty()) return newest_errors_[host];
    if (queries.absent_is_zero && !newest_errors_[host]) return newest_requests_[host];
    if (!newest_errors_[host] || !newest_requests_[host]) return std::nullopt;
    return std::min(*newest_errors_[host], *newest_requests_[host]);
  }

  [[nodiscard]] bool looked_at(const HostSeries& host, const Grid& grid, std::size_t point) const {
    const PrometheusQueries& queries = question_.settings.prometheus;
    const bool requests = queries.requests.empty() || is_fresh(host.requests, grid, point);
    return requests && (queries.absent_is_zero || is_fresh(host.errors, grid, point));
  }

  /// A target that appears may have counted for long: what it grew by is known from its second sample on. One that is
  /// gone may have counted until it was.
  static std::set<std::string_view> targets_of(const HostSeries& host, const Grid& grid, std::size_t point) {
    auto targets = targets_at(host.errors, grid, point);
    targets.merge(targets_at(host.requests, grid, point));
    return targets;
  }

  /// Fractions are carried on, so that their sum is right.
  static std::uint32_t whole(double& carried, double more) {
    carried += more;
    const double whole = std::floor(carried + 1e-9);
    carried -= whole;
    return static_cast<std::uint32_t>(std::min(whole, static_cast<double>(std::numeric_limits<std::uint32_t>::max())));
  }

  [[nodiscard]] fleet::HostSeconds steps_of(std::size_t host, const Span& span, const HostSeries& series) const {
    const std::int64_t step = question_.settings.step.count();
    const Grid grid{.first = static_cast<double>(parts::wall_ms(question_, span.from)) / 1'000,
                    .step = step,
                    .points = static_cast<std::size_t>(parts::points_of(question_, span)),
                    .stale_after = kStaleScrapes * static_cast<double>(question_.settings.prometheus.scrape.count())};
    const SeriesKind kind = question_.settings.prometheus.kind;
    fleet::HostSeconds steps{.host = question_.hosts[host], .first = span.from, .rules_hash = {}, .seconds = {}};
    steps.seconds.resize(static_cast<std::size_t>((span.until - span.from) / step));
    double errors = 0;
    double requests = 0;
    auto targets = targets_of(series, grid, 0);
    for (std::size_t end = 1; end < grid.points && end <= steps.seconds.size(); ++end) {
      const auto before = std::exchange(targets, targets_of(series, grid, end));
      const bool begins = kind == SeriesKind::gauge || (looked_at(series, grid, end - 1) && before == targets);
      if (!begins || !looked_at(series, grid, end)) continue;
      fleet::SecondOfHost& counted = steps.seconds[end - 1];
      counted.reported = true;
      counted.errors = whole(errors, growth(series.errors, kind, grid, end));
      counted.requests = whole(requests, growth(series.requests, kind, grid, end));
      counted.lines = counted.requests;
    }
    return steps;
  }

  const Question& question_;
  HostNames names_;
  std::vector<HostSeries> before_, since_;
  std::vector<std::optional<std::int64_t>> newest_errors_, newest_requests_;
  std::optional<std::int64_t> server_at_;
};

/// The list of series, if the answer is whole.
const Json& result_of(const Json& answer, parts::Asked asked) {
  if (answer.at("status") != "success") throw Malformed("it is an error");
  if (const auto warnings = answer.find("warnings"); warnings != answer.end() && !warnings->empty()) {
    throw Malformed(fmt::format("partial: {}", printable(warnings->at(0).get<std::string>(), 120)));
  }
  const Json& data = answer.at("data");
  const bool is_range = asked != parts::Asked::newest;
  if (data.at("resultType") != (is_range ? "matrix" : "vector")) {
    throw Malformed(fmt::format("it is of the type {}", printable(data.at("resultType").get<std::string>(), 40)));
  }
  return data.at("result");
}

}  // namespace

Result<Reading> prometheus_reading(const Question& question, const std::vector<HttpRequest>& requests,
                                   const std::vector<HttpAnswer>& answers) {
  auto names = HostNames::of(question.hosts, question.settings.host_naming, question.settings.domain);
  if (!names) return std::unexpected(names.error());
  const auto plan = parts::plan_of(question);
  Reader reader(question, std::move(*names));
  const auto done = parts::read_answers(question, requests, answers, [&](std::size_t i, const Json& answer) {
    reader.read(plan[i], result_of(answer, plan[i].asked));
  });
  if (!done) return std::unexpected(done.error());
  return reader.reading();
}

}  // namespace serin::evidence
