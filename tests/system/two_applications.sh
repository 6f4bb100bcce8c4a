#!/usr/bin/env bash
# Two applications on each host, deployed at the same time, also while an agent is killed (-9): each goes its own way, also
# back, and what they share (the folder of what is kept, objects of equal content) mixes nothing up.
. "$(dirname "$0")/lib.sh"

fleet_init 2 1 0
mkdir "$FLEET/staging-blog"
cat >>"$FLEET/controller.toml" <<EOF
[application.blog]
source = "$FLEET/staging-blog"
canary = ["label:canary"]
step_deadline = "30s"
EOF
cat >"$FLEET/reload" <<'EOF'
#!/bin/sh
! grep -q bad "$SERIN_LIVE/index"
EOF
chmod 755 "$FLEET/reload"
for i in 1 2; do
  dir=$(fleet_host_dir "$i")
  sed -i "s|^live = .*|&\nkeep = [\"uploads/\"]\nkeep_dir = \"$dir/kept\"|" "$dir/agent.toml"
  cat >>"$dir/agent.toml" <<EOF

[application.blog]
live = "$dir/blog"
keep = ["uploads/"]
keep_dir = "$dir/kept"
reload = ["$FLEET/reload"]
EOF
done
shows() { # HOST INDEX-OF-SHOP INDEX-OF-BLOG
  local dir
  dir=$(fleet_host_dir "$1")
  [ "$(cat "$dir/live/index")" = "$2" ] && [ "$(cat "$dir/blog/index")" = "$3" ]
}
# both SHOP BLOG [COMMAND]: other trees of both, with files of equal content, deployed at once; COMMAND runs meanwhile.
both() {
  head -c 5000000 /dev/urandom >"$FLEET/staging/large"
  cp "$FLEET/staging/large" "$FLEET/staging-blog/large"
  echo "$1" >"$FLEET/staging/index"
  echo "$2" >"$FLEET/staging-blog/index"
  serin deploy -a shop --force --yes -m "$1" >"$FLEET/shop.out" 2>&1 &
  local shop=$!
  serin deploy -a blog --force --yes -m "$2" >"$FLEET/blog.out" 2>&1 &
  local blog=$!
  "${3:-true}"
  wait "$shop" || fail "shop: $(cat "$FLEET/shop.out")"
  wait "$blog" || fail "blog: $(cat "$FLEET/blog.out")"
}
kill_agent() {
  local tries
  for ((tries = 0; tries < 3000; tries++)); do
    [ "$(grep -c 'activate r2' "$dir/agent.log")" = 2 ] && break
    read -r -t 0.005 <> <(:) || true
  done
  kill -9 "${FLEET_AGENT_PIDS[1]}"
  wait "${FLEET_AGENT_PIDS[1]}" 2>/dev/null || true
  fleet_start_agent 1
}
fleet_start
both shop-1 blog-1
for i in 1 2; do shows "$i" shop-1 blog-1 || fail "web-0$i shows something else"; done
dir=$(fleet_host_dir 1)
echo shop >"$dir/live/uploads/file"
echo blog >"$dir/blog/uploads/file"

echo "a command must say which of them it means"
expect_exit 2 serin deploy -m which
expect_text "blog"
expect_exit 0 serin status -a blog
expect_text "blog: r1"

echo "an agent is killed while it has both under way"
both shop-2 blog-2 kill_agent
for i in 1 2; do wait_until 300 shows "$i" shop-2 blog-2; done

echo "one goes back, of the other nothing moves"
echo bad >"$FLEET/staging-blog/index"
expect_exit 3 serin deploy -a blog --force --yes -m bad
expect_text "taken back: reload hook, exit 1"
for i in 1 2; do shows "$i" shop-2 blog-2 || fail "web-0$i shows something else"; done
expect_exit 0 serin rollback -a shop --yes --force
for i in 1 2; do shows "$i" shop-1 blog-2 || fail "web-0$i shows something else"; done
uploads=$(cat "$dir/kept/shop/uploads/file" "$dir/kept/blog/uploads/file")
[ "$uploads" = $'shop\nblog' ] || fail "uploads are mixed up: $uploads"
for application in shop blog; do
  expect_exit 0 serin verify "$application"
  expect_text "2 of 2 hosts clean"
done
