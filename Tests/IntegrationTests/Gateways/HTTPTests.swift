import Testing
import ThalwegClient
import ThalwegModel
import ThalwegServer
import ThalwegText

/// HTTP with JSON: what it writes is what others read, and the other way round.
@Suite(.timeLimit(.minutes(3))) struct HTTPTests {
    private static let players =
        #"{"name": "players", "key": "u64", "schema": "name: string(32), x: f32, health: i32, note: string(8)?"}"#
    private static let ada = #"{"name": "Ada", "x": 1.5, "health": 100}"#

    @Test func topicsAreMadeToldAndDropped() async throws {
        try await withHTTP { server in
            let http = try HTTPPeer(server.server.httpAddress)
            let made = try http("POST", "/v1/topics", Self.players)
            #expect(made.status == 200)
            #expect(try made.json()["key"]?.string == "u64")
            #expect(try http("POST", "/v1/topics", Self.players).body == made.body)
            let list = try http("GET", "/v1/topics").json()["topics"]?.elements
            let names = list?.compactMap { $0["name"]?.string } ?? []
            #expect(names.filter { !$0.hasPrefix("thalweg.") } == ["players"])
            let wider = Self.players.replacing("string(8)?", with: "string(8)?, rank: u8")
            #expect(try http("POST", "/v1/topics", wider).status == 200)
            let narrow = #"{"name": "players", "key": "u64", "schema": "name: u8"}"#
            let refused = try http("POST", "/v1/topics", narrow)
            #expect(refused.status == 409 && refused.code == "schema_mismatch")
            let altered = try http(
                "PATCH", "/v1/topics/players", #"{"tombstones": "1h", "history": 100}"#)
            #expect(try altered.json()["tombstones_us"]?.number == 3_600_000_000)
            #expect(try altered.json()["history"]?.string == "100 changes")
            #expect(try http("PATCH", "/v1/topics/players", "{}").code == "invalid_options")
            #expect(
                try http("PATCH", "/v1/topics/players", #"{"colour": 1}"#).code == "invalid_options"
            )
            let every = #"{"name": "log", "schema": null, "writes": "every", "history": "forever"}"#
            #expect(try http("POST", "/v1/topics", every).json()["writes"]?.string == "every")
            #expect(try http("PUT", "/v1/topics/log/records/a", "1", Self.plain).status == 200)
            #expect(try http("POST", "/v1/topics/log/truncate").status == 204)
            #expect(try http("GET", "/v1/topics/log/records/a").status == 404)
            #expect(try http("DELETE", "/v1/topics/log").status == 204)
            #expect(try http("GET", "/v1/topics/log").code == "unknown_topic")
            #expect(try http("GET", "/v1/topics/no%20name").code == "invalid_name")
        }
    }

    private static let plain = ["Content-Type: text/plain"]

    @Test func recordsAreWrittenAndRead() async throws {
        try await withHTTP { server in
            let client = try await server.connect()
            let http = try HTTPPeer(server.server.httpAddress)
            try http("POST", "/v1/topics", Self.players)
            let record = "/v1/topics/players/records/7"
            #expect(try http("GET", record).status == 404)
            #expect(try http("PUT", record, Self.ada, ["If-Match: *"]).code == "condition_failed")
            let put = try http("PUT", record, Self.ada, ["If-None-Match: *"])
            #expect(put.text == "{\"verdict\": \"accepted\", \"version\": 1, \"offset\": 1}\n")
            #expect(try http("PUT", record, Self.ada, ["If-None-Match: *"]).status == 412)
            #expect(try http("PUT", record, Self.ada).json()["verdict"]?.string == "unchanged")
            let patched = try http("PATCH", record, #"{"health": 80}"#, ["If-Match: \"1\""])
            #expect(try patched.json()["version"]?.number == 2)
            #expect(
                try http("PATCH", record, #"{"health": 1}"#, ["If-Match: \"1\""]).status == 412)
            let got = try http("GET", record)
            #expect(got.status == 200 && got.headers["etag"] == "\"2\"")
            #expect(
                got.text
                    == #"{"key": 7, "version": 2, "offset": 2, "sources": [65534], "record": "#
                    + #"{"name": "Ada", "x": 1.5, "health": 80, "note": null}}"# + "\n")
            let head = try http("HEAD", record)
            #expect(head.headers["content-length"] == "\(got.body.count)")
            let topic = try await client.topic("players")
            let stored = try #require(try await client.get(topic, .u64(7)))
            #expect(try topic.values(of: stored.row)[2] == .signed(80))
            // Another connection deletes what this one wrote.
            let other = try HTTPPeer(server.server.httpAddress)
            #expect(try other("DELETE", record).json()["version"]?.number == 3)
            #expect(try http("GET", record).code == "no_record")
            for (body, code) in [
                (#"{"name": 1}"#, "invalid_row"), ("{", "invalid_row"), ("[]", "invalid_row"),
                (#"{"colour": 1}"#, "invalid_row"),
                (#"{"name": "a", "x": 1, "health": 1.5}"#, "invalid_row"),
            ] {
                let refused = try http("PUT", record, body)
                #expect(refused.status == 400 && refused.code == code, "\(body)")
            }
            #expect(try http("PUT", "/v1/topics/players/records/x", Self.ada).code == "invalid_key")
            #expect(try http("PUT", record, Self.ada, ["If-Match: 1"]).code == "invalid_options")
            #expect(try http("GET", record + "?not_before=99").status == 503)
            try await client.close()
        }
    }

    @Test func valuesOfBytesAreTheBodyItself() async throws {
        try await withHTTP { server in
            let http = try HTTPPeer(server.server.httpAddress)
            try http("POST", "/v1/topics", #"{"name": "files"}"#)
            let record = "/v1/topics/files/records/a%2Fb%20%C3%A9"
            #expect(try http("PUT", record, "\u{0}\u{1}x", Self.plain).status == 200)
            #expect(try http("GET", record).json()["record"]?.string == "0x000178")
            #expect(try http("GET", record).json()["key"]?.string == "a/b é")
            let raw = try http("GET", record, nil, ["Accept: application/octet-stream"])
            #expect(raw.body == [0, 1, 120] && raw.headers["etag"] == "\"1\"")
            #expect(try http("PATCH", record, #"{"a": 1}"#).code == "invalid_row")
            #expect(try http("PUT", "/v1/topics/files/records/%FF", "x").code == "invalid_frame")
        }
    }

    @Test func batchesTellWhatBecameOfEach() async throws {
        try await withHTTP { server in
            let http = try HTTPPeer(server.server.httpAddress)
            try http("POST", "/v1/topics", Self.players)
            let writes = "/v1/topics/players/writes"
            let batch = try http(
                "POST", writes,
                """
                [{"op": "assert", "key": 1, "record": \(Self.ada)},
                 {"op": "patch", "key": "2", "record": {"name": "Bob"}, "if_absent": true},
                 {"op": "patch", "key": 1, "record": {"health": 1}, "if_version": 9},
                 {"op": "retract", "key": 9}]
                """)
            let results = try #require(try batch.json()["results"]?.elements)
            #expect(
                results.compactMap { $0["verdict"]?.string }
                    == ["accepted", "accepted", "invalid", "unchanged"])
            #expect(results[2]["code"]?.string == "condition_failed")
            #expect(try http("GET", "/v1/topics/players/count").json()["count"]?.number == 2)
            let atomic = try http(
                "POST", writes + "?atomic=true",
                #"[{"op": "retract", "key": 1}, {"op": "retract", "key": 2, "if_version": 9}]"#)
            #expect(try atomic.json()["results"]?.elements?[0]["verdict"]?.string == "invalid")
            #expect(try http("GET", "/v1/topics/players/count").json()["count"]?.number == 2)
            let received = try http(
                "POST", writes + "?ack=received", #"[{"op": "retract", "key": 2}]"#)
            #expect(received.status == 202)
            #expect(try http("POST", writes + "?ack=none", "[]").status == 202)
            for body in [
                "{}", "[1]", #"[{"op": "x", "key": 1}]"#, #"[{"op": "retract"}]"#,
                #"[{"op": "assert", "key": 1}]"#,
                #"[{"op": "retract", "key": 1, "if_absent": true, "if_present": true}]"#,
            ] {
                #expect(try http("POST", writes, body).status == 400, "\(body)")
            }
        }
    }

    @Test func pagesFollowOneAnother() async throws {
        try await withHTTP { server in
            let http = try HTTPPeer(server.server.httpAddress)
            try http("POST", "/v1/topics", Self.players)
            let writes = (0..<250).map {
                #"{"op": "patch", "key": \#($0), "record": {"health": \#($0 % 10)}}"#
            }
            #expect(
                try http(
                    "POST", "/v1/topics/players/writes", "[\(writes.joined(separator: ","))]"
                ).status == 200)
            for order in ["key", "change"] {
                var keys: [Int64] = []
                var after = ""
                repeat {
                    let page = try http(
                        "GET",
                        "/v1/topics/players/records?limit=40&order=\(order)&filter=health%3C5&after=\(after)"
                    ).json()
                    keys += page["records"]?.elements?.compactMap { $0["key"]?.number } ?? []
                    after = page["next"]?.string ?? ""
                } while !after.isEmpty
                let wanted = (0..<250).filter { $0 % 10 < 5 }.map(Int64.init)
                #expect(order == "key" ? keys == wanted : keys.sorted() == wanted)
            }
            for query in [
                "limit=0", "limit=x", "order=up", "filter=nope", "after=x", "fliter=a", "a=1&a=2",
            ] {
                let refused = try http("GET", "/v1/topics/players/records?" + query)
                #expect(refused.status == 400, "\(query)")
            }
            let count = try http("GET", "/v1/topics/players/count?filter=health+%3D%3D+3")
            #expect(try count.json()["count"]?.number == 25)
        }
    }

    @Test func theConsoleIsServedWhole() async throws {
        try await withHTTP { server in
            let http = try HTTPPeer(server.server.httpAddress)
            let page = try http("GET", "/console")
            #expect(
                page.status == 200 && page.headers["content-type"] == "text/html; charset=utf-8")
            #expect(page.headers["content-security-policy"]?.contains("default-src 'none'") == true)
            // What it loads is there too.
            let parts = page.text.matches(of: /"(\/console\/[a-z.]+)"/).map { String($0.1) }
            #expect(parts.count == 2)
            for part in parts {
                let reply = try http("GET", part)
                #expect(reply.status == 200 && !reply.body.isEmpty, "\(part)")
            }
            let browser = try http("GET", "/", nil, ["Accept: text/html,application/xml;q=0.9"])
            #expect(browser.status == 303 && browser.headers["location"] == "/console")
            #expect(
                try http("GET", "/", nil, ["Accept: */*"]).json()["server"]?.string == "thalweg")
            // Its own pages may ask.
            #expect(
                try http("POST", "/v1/topics", Self.players, ["Origin: http://localhost"]).status
                    == 200)
        }
    }

    @Test func theDescriptionHasEveryRoute() async throws {
        try await withHTTP { server in
            let http = try HTTPPeer(server.server.httpAddress)
            let routes = try #require(try http("GET", "/").json()["routes"]?.elements)
            #expect(routes.count >= 17)
            let paths = try #require(try http("GET", "/openapi.json").json()["paths"])
            for case .string(let route) in routes {
                let words = route.split(separator: " ").map(String.init)
                #expect(paths[words[1]]?[words[0].lowercased()]?["summary"] != nil, "\(route)")
            }
            #expect(try http("GET", "/v1/status").json()["topics"] != nil)
        }
    }
}
