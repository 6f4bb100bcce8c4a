#include "slow_judge.h"

#include <algorithm>
#include <cmath>
#include <functional>

namespace serin::judge::slow {

namespace {

using std::size_t;
using Doubles = std::vector<double>;
using Set = std::vector<size_t>;

double cap(double w) {
  return std::max(3.0, std::ceil(8 * (w + std::sqrt(w) + 0.25)));
}
double lnB(double a, double b) {
  return std::lgamma(a) + std::lgamma(b) - std::lgamma(a + b);
}

double over(const Set& set, const std::function<double(size_t)>& of) {
  double sum = 0;
  for (const size_t i : set) sum += of(i);
  return sum;
}

/// By the textbook: sum of y^2/E minus the total.
double dispersion(const std::vector<Doubles>& table) {
  if (table.empty() || table[0].empty()) return 1;
  Doubles row(table.size()), column(table[0].size());
  double total = 0;
  for (size_t h = 0; h < table.size(); ++h) {
    for (size_t t = 0; t < column.size(); ++t) {
      row[h] += table[h][t];
      column[t] += table[h][t];
      total += table[h][t];
    }
  }
  double X2 = -total;
  for (size_t h = 0; h < row.size(); ++h) {
    for (size_t t = 0; t < column.size(); ++t) {
      if (row[h] > 0 && column[t] > 0) X2 += table[h][t] * table[h][t] * total / (row[h] * column[t]);
    }
  }
  const auto positive = [](const Doubles& sums) {
    return static_cast<double>(std::count_if(sums.begin(), sums.end(), [](double s) { return s > 0; }));
  };
  const double df = (positive(row) - 1) * (positive(column) - 1);
  return df > 0 ? std::max(1.0, X2 / df) : 1;
}

/// seen[t][h] after the rule of half of each side.
std::vector<std::vector<bool>> seen_of(const Baseline& baseline, const Seconds& after) {
  std::vector<std::vector<bool>> seen;
  for (const auto& second : after) {
    double canaries = 0, canaries_seen = 0, controls = 0, controls_seen = 0;
    for (size_t h = 0; h < second.size(); ++h) {
      const bool canary = baseline.hosts[h].role == Role::canary;
      (canary ? canaries : controls) += 1;
      (canary ? canaries_seen : controls_seen) += second[h].seen ? 1 : 0;
    }
    const bool good = canaries_seen >= canaries / 2 && controls_seen >= controls / 2;
    seen.emplace_back();
    for (const Counts& counts : second) seen.back().push_back(good && counts.seen);
  }
  return seen;
}

}  // namespace

Weights weigh(const Baseline& baseline, const SequentialSettings& settings) {
  const size_t H = baseline.hosts.size();
  const size_t Tp = baseline.hosts[0].seconds.size();
  std::vector<Doubles> y(H, Doubles(Tp));
  Doubles S(H), T(H);
  for (size_t h = 0; h < H; ++h) {
    const auto& e = baseline.hosts[h].seconds;
    for (size_t t = 0; t < Tp; ++t) {
      y[h][t] = e[t].seen ? static_cast<double>(e[t].errors) : 0;
      T[h] += e[t].seen ? 1 : 0;
    }
    T[h] = std::max(T[h], 1.0);
    for (int round = 0; round < 5; ++round) {
      double sum = 0;
      for (const double one : y[h]) sum += one;
      for (size_t t = 0; t < Tp; ++t) {
        y[h][t] = e[t].seen ? std::min(static_cast<double>(e[t].errors), cap(sum / T[h])) : 0;
      }
    }
    for (const double one : y[h]) S[h] += one;
    for (size_t t = 0; t < Tp; ++t) {
      if (!e[t].seen) y[h][t] = S[h] / T[h];
    }
  }
  Weights out;
  const double hosts = static_cast<double>(H), length = static_cast<double>(Tp);
  double sum_S = 0, sum_T = 0, mu = 0, va = 0;
  for (size_t h = 0; h < H; ++h) {
    sum_S += S[h];
    sum_T += T[h];
    mu += S[h] * length / T[h] / hosts;
  }
  for (size_t h = 0; h < H; ++h) va += std::pow(S[h] * length / T[h] - mu, 2) / (hosts - 1);
  out.r = std::max(sum_S / sum_T, 0.5 / (hosts * length));
  out.D1 = dispersion(y);
  out.a = mu > 0 ? std::clamp(mu * mu / std::max(va - mu * out.D1, 1e-9), 2.0, 25.0) : 25;
  for (size_t h = 0; h < H; ++h) {
    out.w.push_back((S[h] + out.a) / (T[h] + out.a / out.r));
    out.vb.push_back(1 / (S[h] + out.a));
  }
  const auto block = static_cast<size_t>(settings.block.count());
  const size_t blocks = Tp / block;
  std::vector<Doubles> y10(H, Doubles(blocks));
  double E10 = 0;
  for (size_t h = 0; h < H; ++h) {
    for (size_t b = 0; b < blocks; ++b) {
      for (size_t t = 0; t < block; ++t) y10[h][b] += y[h][Tp - (blocks - b) * block + t];
      E10 += y10[h][b] / (hosts * static_cast<double>(blocks));
    }
  }
  out.s2slow = std::max(0.0, dispersion(y10) - out.D1) / std::max(E10, 1.0);
  return out;
}

Evidence judge_at(const Baseline& baseline, const SequentialSettings& settings, const Seconds& after, std::size_t t) {
  const Weights base = weigh(baseline, settings);
  const size_t H = baseline.hosts.size();
  const auto settle = static_cast<size_t>(settings.settle.count());
  const double T = static_cast<double>(t - settle);
  const auto seen = seen_of(baseline, after);
  Set canaries, controls;
  for (size_t h = 0; h < H; ++h) (baseline.hosts[h].role == Role::canary ? canaries : controls).push_back(h);
  const double m = static_cast<double>(canaries.size()), n = static_cast<double>(controls.size());

  // Capped counts, good lines, traffic.
  std::vector<Doubles> y(t, Doubles(H));
  Doubles x(H), w(H), X(H), last5(H), good_before(H);
  for (size_t h = 0; h < H; ++h) {
    double good = 0, trusted = 0;
    for (const Counts& at : baseline.hosts[h].seconds) {
      good += at.seen ? static_cast<double>(at.lines) - static_cast<double>(at.errors) : 0;
      trusted += at.seen ? 1 : 0;
    }
    good_before[h] = baseline.lines_known && trusted > 0 ? good / trusted : 0;
  }
  Doubles seconds_seen(H), last_seen(H);
  for (size_t s = settle; s < t; ++s) {
    double sum = 0, weight = 0, count = 0, top = -1, top_weight = 0;
    for (const size_t k : controls) {
      if (!seen[s][k]) continue;
      const auto e = static_cast<double>(after[s][k].errors);
      sum += e;
      weight += base.w[k];
      count += 1;
      if (e > top) {
        top = e;
        top_weight = base.w[k];
      }
    }
    const double g = count == 0 ? 1 : count == 1 ? sum / weight : (sum - top) / (weight - top_weight);
    for (size_t h = 0; h < H; ++h) {
      if (!seen[s][h]) continue;
      y[s][h] = std::min(static_cast<double>(after[s][h].errors), cap(base.w[h] * std::max(1.0, g)));
      Set others;  // whose rise says how heavy a second of h is
      for (const size_t k : controls) {
        if (seen[s][k] && k != h) others.push_back(k);
      }
      if (settings.storm_rise > 0 && count >= 3) {
        const auto logged = [&](size_t k) { return static_cast<double>(after[s][k].errors); };
        others.erase(
            std::max_element(others.begin(), others.end(), [&](size_t a, size_t b) { return logged(a) < logged(b); }));
        const double rise = (over(others, logged) + settings.storm_doubt) /
                            (over(others, [&](size_t k) { return base.w[k]; }) + settings.storm_doubt);
        y[s][h] *= std::min(1.0, settings.storm_rise / rise);
      }
      x[h] += y[s][h];
      seconds_seen[h] += 1;
      last_seen[h] = static_cast<double>(s + 1);
      const double good = static_cast<double>(after[s][h].lines) - static_cast<double>(after[s][h].errors);
      X[h] += good_before[h] > 0 ? std::min(1.0, std::max(0.0, good) / good_before[h]) : 1;
      if (s + 5 >= t) last5[h] += y[s][h];
    }
  }
  for (size_t h = 0; h < H; ++h) w[h] = std::max(1e-9, base.w[h] * seconds_seen[h] / T);
  const auto xs = [&](const Set& set) { return over(set, [&](size_t h) { return x[h]; }); };
  const auto ws = [&](const Set& set) { return over(set, [&](size_t h) { return w[h]; }); };
  const auto without = [](Set set, size_t h) {
    set.erase(std::find(set.begin(), set.end(), h));
    return set;
  };

  Evidence out;
  // 1
  Set kept = controls;
  for (double drop = 0; controls.size() >= 3 && drop < std::max(1.0, std::floor(n / 10)); ++drop) {
    size_t worst = H;
    double most = 0;
    for (const size_t k : kept) {
      const Set others = without(controls, k);
      const double excess = x[k] - 4 * w[k] * xs(others) / ws(others) - 10;
      if (excess > most) {
        most = excess;
        worst = k;
      }
    }
    if (worst == H) break;
    kept = without(kept, worst);
    out.dropped.push_back(worst);
  }
  const double K = xs(kept), W_k = ws(kept), n_k = static_cast<double>(kept.size());
  // 2, 3
  out.gT = (K + 1) / (W_k * T + 1);
  const double D = out.D = 1 + (base.D1 - 1) * std::max(1.0, out.gT);
  double s2post = 0.05;
  if (n_k >= 3) {
    const double X2c =
        K > 0 ? over(kept, [&](size_t h) { return std::pow(x[h] - w[h] * K / W_k, 2) / (w[h] * K / W_k); }) : 0;
    s2post = std::max(0.0, X2c / (n_k - 1) - D * (1 + std::sqrt(2 / (n_k - 1)))) / std::max(K / n_k, 1.0);
  }
  const double s2x = std::max(base.s2slow * std::min(1.0, 10 / T), s2post);
  const double s2 = out.s2 = s2x + settings.spread_min;
  out.quiet = n_k >= 3 && s2x <= 0.03 && D <= 1.5 && K <= 2 * W_k * T + 1;
  // 4, 5
  const auto part = [&](size_t h) { return w[h] * w[h] * (s2 + D * base.vb[h]); };
  const double hk = over(kept, part) / (W_k * W_k);
  const auto L = [&](double th, const Set& A, double K_, double W_k_, double hk_) {
    const double W = ws(A), C = xs(A), p0 = W / (W + W_k_);
    const double v = over(A, part) / (W * W) + hk_;
    const double q = th * p0 / (th * p0 + 1 - p0), kap = std::max(1 / (q * (1 - q) * v) - 1, 0.5);
    return lnB(q * kap + C / D, (1 - q) * kap + K_ / D) - lnB(q * kap, (1 - q) * kap);
  };
  const double k0 = out.quiet ? 6 : 0;
  const double W_k0 = W_k + k0 / T;
  const auto E_fail = [&](const Set& A) {
    if (kept.empty()) return 0.0;
    double mean = 0;
    const double null = L(1.5, A, K + k0, W_k0, hk * std::pow(W_k / W_k0, 2));
    for (const double th : {2.0, 4.0, 10.0, 60.0}) {
      mean += std::exp(L(th, A, K + k0, W_k0, hk * std::pow(W_k / W_k0, 2)) - null) / 4;
    }
    return std::log(mean);
  };
  // 6
  for (double drop = 0; canaries.size() >= 2 && drop < std::max(1.0, std::floor(m / 5)); ++drop) {
    size_t worst = H;
    double most = 0;
    for (const size_t i : canaries) {
      if (std::find(out.loud.begin(), out.loud.end(), i) != out.loud.end()) continue;
      const Set others = without(canaries, i);
      const double excess = x[i] - 3 * std::max(w[i] * xs(others) / ws(others), w[i] * out.gT * T) - 3;
      if (excess > most) {
        most = excess;
        worst = i;
      }
    }
    if (worst == H) break;
    out.loud.push_back(worst);
  }
  Set calm = canaries;
  for (const size_t i : out.loud) calm = without(calm, i);
  out.lf = E_fail(calm);
  out.lmin = out.lf - 2;
  if (canaries.size() > 1) {
    out.lmin = 1e300;
    for (const size_t i : canaries) out.lmin = std::min(out.lmin, E_fail(without(canaries, i)));
  }
  // 7
  const double C = xs(canaries), W_c = ws(canaries);
  out.excess = C / (m * T) - out.gT * W_c / m;
  const double Lw = C > 0 ? std::min(T, std::max(3.0, std::ceil(3 * T / C))) : T;
  double newest = 0;
  for (size_t s = t - static_cast<size_t>(Lw); s < t; ++s) newest += over(canaries, [&](size_t h) { return y[s][h]; });
  out.live = newest >= std::max(1.0, 1.5 * out.gT * W_c * Lw);
  const bool pair = m == 2 && out.quiet, even = pair && out.loud.empty();
  const double loo = m > 2 ? 4 : even ? settings.fail_odds_even_pair : pair ? 3 : 12;
  out.hold = pair && W_k * out.gT < settings.pair_control_errors ? settings.min_fail_pair.count() : 2;
  out.fails = out.lf >= std::log(even ? 30.0 / settings.even_pair_ease : 30.0) && out.lmin >= std::log(loo) &&
              out.excess >= 0.02 && out.live;
  // 8
  if (controls.size() < 2) return out;
  const auto l_of = [&](const Set& A, const Set& B) {
    const double lam = (xs(B) + 1) / (ws(B) * T + 1) * ws(A) / static_cast<double>(A.size());
    const double tbad = std::max(2.0, 1 + 0.08 / lam);
    const double l1 = L(1, A, xs(B), ws(B), hk) - L(tbad, A, xs(B), ws(B), hk);
    const bool known = std::all_of(A.begin(), A.end(), [&](size_t h) { return good_before[h] > 0; });
    if (lam >= 0.08 || !known) return l1;
    double mean = 0;
    for (const double extra : {0.0, 0.25}) {
      const double XA = over(A, [&](size_t h) { return X[h]; });
      const double Mb = (lam + 0.08) * XA, Mj = (lam + extra * 0.08) * XA;
      mean += std::exp((xs(A) * std::log((lam + extra * 0.08) / (lam + 0.08)) - (Mj - Mb)) / D) / 2;
    }
    return std::max(l1, std::log(mean));
  };
  Set A = canaries;
  if (canaries.size() >= 3) A = calm;
  out.l = l_of(A, kept);
  const auto by_ratio = [&](size_t a, size_t b) { return x[a] / w[a] < x[b] / w[b]; };
  Set A2 = A, B2 = kept;
  if (canaries.size() >= 2) A2 = without(A, *std::min_element(A.begin(), A.end(), by_ratio));
  B2 = without(kept, *std::max_element(kept.begin(), kept.end(), by_ratio));
  out.l_adverse = l_of(A2, B2);
  bool good = T >= 5 && out.l >= std::log(50.0) && out.l_adverse >= std::log(6.0) && out.lmin < std::log(6.0);
  double blind = 0, blind_usual = 0;
  for (const size_t i : canaries) {
    good = good && X[i] >= 0.25 * T && last5[i] <= 20 * out.gT * w[i] + 10;
    good = good && static_cast<double>(t) - last_seen[i] < 5;
    if (good_before[i] > 0) continue;
    good = good && x[i] >= 1;
    blind += x[i];
    blind_usual += out.gT * w[i] * T;
  }
  out.passes = good && blind >= 0.25 * blind_usual;
  return out;
}

std::string verdict(const Baseline& baseline, const SequentialSettings& settings, const Seconds& after) {
  std::int64_t held = 0;
  for (auto t = static_cast<size_t>(settings.settle.count()) + 1; t <= after.size(); ++t) {
    const Evidence at = judge_at(baseline, settings, after, t);
    held = at.fails ? held + 1 : 0;
    if (at.fails && held >= at.hold) return "FAIL " + std::to_string(t);
    if (at.passes) return "PASS " + std::to_string(t);
  }
  return "none";
}

}  // namespace serin::judge::slow
