#pragma once

#include <string_view>

#include "protocol/messages.h"

namespace serin::count {

/// An event, self-written in the manner of common software, its normalised text and its id.
struct SignatureSample {
  std::string_view event;
  std::string_view text;
  SignatureId id;
};

inline constexpr SignatureSample kSignatureSamples[] = {
    {"[Sun Dec 04 04:47:44 2005] [error] worker child in error state 6", "worker child in error state <#>",
     0x5771721db37137a1ULL},
    {"[Fri Jan 02 03:04:05.123456 2026] [php:error] [pid 12:tid 34] [client 10.0.0.1:555] PHP Fatal error:  Uncaught "
     "Exception: cart 7 in /srv/shop/r12/Cart.php:12\nStack trace:\n#0 /srv/shop/r12/index.php(45): f()\n#1 {main}\n  "
     "thrown in /srv/shop/r12/Cart.php on line 12",
     "PHP Fatal error: Uncaught Exception: cart <#> in <p>/Cart.php", 0x6aaa7d2d78da9301ULL},
    {"2026/01/02 03:04:05 [error] 123#0: *45 FastCGI sent in stderr: \"PHP message: PHP Fatal error:  Uncaught "
     "Exception: cart 8 in /srv/shop/r13/Cart.php on line 13\" while reading response header from upstream, client: "
     "10.0.0.1",
     "PHP Fatal error: Uncaught Exception: cart <#> in <p>/Cart.php", 0x6aaa7d2d78da9301ULL},
    {"2026/01/02 03:04:05 [error] 123#0: *45 open() \"/srv/www/x.html\" failed (2: No such file or directory), client: "
     "10.0.0.1, server: example.org, request: \"GET /x HTTP/1.1\", host: \"example.org\"",
     "open() <q> failed (<#>: No such file or directory), client: <#>, server: example.org, request: <q>, host: <q>",
     0x3c53701bdd836d8cULL},
    {"Dec 10 06:55:46 lab sshd[24200]: Failed password for invalid user webmaster from 173.234.31.186 port 38926 ssh2",
     "Failed password for invalid user <v> from <#> port <#> <#>", 0xda38de124cece6a4ULL},
    {"Dec 10 06:55:46 lab sshd[24200]: pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh "
     "ruser= rhost=173.234.31.186  user=root",
     "pam_unix(sshd:auth): authentication failure; logname= uid=<v> euid=<v> tty=ssh ruser= rhost=<v> user=<v>",
     0xded6ffff11fd733cULL},
    {"<3>php-fpm[12]: server reached pm.max_children setting (5), consider raising it",
     "server reached pm.max_children setting (<#>), consider raising it", 0xb40a5fe2ca19090eULL},
    {"<34>1 2026-10-11T22:14:15.003Z host app 12 ID47 [x@1 a=\"b\"] disk sda7 is full", "disk <#> is full",
     0xb4f50a7c1dddfef7ULL},
    {"081109 203615 148 ERROR dfs.Receiver: block blk_38865049064139660 of 10.0.0.7:50010 is corrupt",
     "dfs.Receiver: block <#> of <#> is corrupt", 0x5e16e64e57e5e518ULL},
    {"2015-07-29 19:04:12,394 - ERROR [/10.10.34.11:3888:Manager$Listener@493] - connection request from "
     "/10.10.34.11:45307",
     "connection request from <p>", 0x6383d6f1cdc723caULL},
    {"2026-01-02 03:04:05.123 ERROR 1234 --- [nio-8080-exec-1] c.e.shop.CartController : Cart 77 is "
     "gone\njava.lang.IllegalStateException: no cart 77\n\tat java.util.Objects.requireNonNull(Objects.java:33)\n\tat "
     "com.example.shop.Cart.load(Cart.java:123)",
     "c.e.shop.CartController : Cart <#> is gone | java.lang.IllegalStateException: no cart <#> @ at "
     "com.example.shop.Cart.load(Cart.java:<#>)",
     0x17a9c335f3a065b1ULL},
    {"Traceback (most recent call last):\n  File \"/srv/app-1.2/views.py\", line 12, in get\n    x = load()\n  File "
     "\"/usr/lib/python3/dist-packages/orm/db.py\", line 5, in load\n    raise DoesNotExist\norm.db.DoesNotExist: User "
     "12 is nobody",
     "orm.db.DoesNotExist: User <#> is nobody @ File <p>/views.py, in get", 0x6ed338c6344f81dfULL},
    {"Error: connect ECONNREFUSED 10.0.0.1:5432\n    at TCPConnectWrap.afterConnect [as oncomplete] "
     "(node:net:1495:16)\n    at Object.<anonymous> (/srv/app/dist/db.js:12:5)",
     "Error: connect ECONNREFUSED <#> @ at Object.<anonymous> (<p>/db.js)", 0xb0b6697ecbc8d168ULL},
    {"[a1b2c3d4e5f6a7b8] /w/index.php?title=Foo   Wiki\\DBQueryError from line 123 of "
     "/srv/mediawiki/php-1.43.0-wmf.5/includes/Cdn.php: Error 1205: Lock wait timeout exceeded",
     "Wiki\\DBQueryError from line <#> of <p>/Cdn.php: Error <#>: Lock wait timeout exceeded", 0x326703b583940124ULL},
    {"E0102 03:04:05.123456  1234 server.cc:12] cannot bind 0.0.0.0:80", "server.cc:<#>] cannot bind <#>",
     0xd8ac7b1d59c54aa4ULL},
    {"{\"level\":\"ERROR\",\"message\":\"payment of 12 \\\"EUR\\\" for bob@example.org failed\",\"user\":\"bob\"}",
     "payment of <#> \\<q> for <email> failed", 0xb99ea0168d73b172ULL},
    {"GET https://bob:hunter2@api.example.org/v2/users/12?token=abc failed with Bearer abc.def.ghi",
     "GET https://<email><p>?<v> failed with Bearer <v>", 0xa967a7f7553c276eULL},
    {"login failed: password=hunter2, cookie: a=b; c=d", "login failed: password=<v>, cookie:<v>",
     0xca3cb449b388244aULL},
    {"deadbeef-cafe-babe-face-0123456789ab fe80::dead:beef add: 5 ab:cd:ef:00:11:22 com.example.Bar@1a2b3c 1,234",
     "<#> <#> add: <#> <#> com.example.Bar@<#> <#>", 0x628109fed3225c85ULL},
    {"It's the user's \"thing\", isn't it? 'quoted'", "It's the user's <q>, isn't it? <q>", 0x36094e9d54351f5dULL},
    {"cannot write /tmp/upload_8372.jpg to /home/alice: no space", "cannot write <p>/<#>.jpg to <p>: no space",
     0x168544f1c818c6f3ULL},
};

}  // namespace serin::count
