import Foundation
import Testing
import ThalwegClient
import ThalwegModel
import ThalwegServer
import ThalwegWire

@testable import ThalwegTLS

/// Clients that talk TLS, and some that should.
@Suite(.timeLimit(.minutes(3))) struct ClientTLSTests {
    /// A server that asks nobody who they are.
    private func withSecureServer(
        _ files: CertificateFiles = CertificateFiles(
            certificate: Certificates.node.certificate, key: Certificates.node.key),
        _ body: (TestServer) async throws -> Void
    ) async throws {
        try await withServer({ $0.tls = files }, body)
    }

    private func refusal(
        _ server: TestServer, _ tls: TLSOptions?
    ) async throws -> ThalwegError {
        try #require(
            await #expect(throws: ThalwegError.self) {
                _ = try await server.connect(.readOnly, tls)
            })
    }

    @Test func whatAClientDoesItDoesThroughTLS() async throws {
        try await withSecureServer { server in
            let client = try await server.connect(.any, Certificates.client())
            // One of each loop, so that reads and writes cross.
            var topics: [Topic] = []
            for number in 0..<4 {
                topics.append(try await client.topic(try Sample.definition("t\(number)")))
            }
            for topic in topics {
                let subscription = try await client.subscribe(topic, from: .start)
                var last = Offset.start
                for key in UInt64(1)...20 {
                    last = try await client.put(
                        topic, .u64(key), row: try Sample.row(topic, "p\(key)")
                    ).offset
                    #expect(try await client.get(topic, .u64(key), notBefore: last) != nil)
                }
                let heard = try await subscription.events(to: last)
                #expect(heard.last?.offset == last)
            }
            try await client.close()
        }
    }

    @Test func largeFramesArriveWhole() async throws {
        try await withSecureServer { server in
            let client = try await server.connect(.any, Certificates.client())
            let topic = try await client.topic(
                TopicDefinition(name: "blobs", keyKind: .u64, schema: nil))
            let row = (0..<60_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
            var batch = Batch(topic, acknowledgement: .committed)
            for key in UInt64(0)..<150 { try batch.assert(.u64(key), row: row) }
            let last = try #require(try await client.write(&batch).lastOffset)
            let records = try await client.scan(topic, notBefore: last).records
            #expect(!records.isEmpty && records.allSatisfy { $0.row == row })
            #expect(try await client.get(topic, .u64(149))?.row == row)
            try await client.close()
        }
    }

    @Test func aConnectionThatIsCutInTheMiddleOfARecordComesBack() async throws {
        try await withSecureServer { server in
            let proxy = try CuttingProxy(server.address)
            defer { proxy.stop() }
            let cuts = [30_000, 9_000, 700, 20_001]
            proxy.setPlan { number in
                CuttingProxy.Plan(toServer: number <= cuts.count ? cuts[number - 1] : nil)
            }
            var options = ClientOptions(name: "test", source: .any)
            options.reconnect = .backOff(least: .milliseconds(5), greatest: .milliseconds(20))
            options.tls = Certificates.client()
            let client = try await ThalwegClient.connect(to: proxy.address, options: options)
            let topic = try await client.topic(Stream.definition())
            // Numbered: each is carried out once, however often it is sent.
            for number in 0..<300 {
                try await client.put(topic, "k", "\(number)" + String(repeating: "x", count: 300))
            }
            #expect(proxy.cuts == cuts.count)
            #expect(try await client.describeTopic(topic.name).lastOffset == Offset(300))
            try await client.close()
        }
    }

    // MARK: Whom a client believes

    @Test func aServerThatTheSystemDoesNotKnowIsNotBelieved() async throws {
        try await withSecureServer { server in
            for tls in [TLSOptions(), TLSOptions(caFile: Certificates.path("other-authority"))] {
                let error = try await refusal(server, tls)
                #expect(error.code == .tlsFailed)
                #expect(error.message.contains("not signed by an authority"), "\(error)")
            }
        }
    }

    @Test func anExpiredServerIsNotBelieved() async throws {
        let files = CertificateFiles(
            certificate: Certificates.expired.certificate, key: Certificates.expired.key)
        try await withSecureServer(files) { server in
            let error = try await refusal(server, Certificates.client())
            #expect(error.code == .tlsFailed && error.message.contains("has expired"), "\(error)")
        }
    }

    @Test func theNameMustBeInTheCertificate() async throws {
        let files = CertificateFiles(
            certificate: Certificates.elsewhere.certificate, key: Certificates.elsewhere.key)
        try await withSecureServer(files) { server in
            for name in ["", "localhost", "wild.test", "a.b.wild.test"] {
                let error = try await refusal(server, Certificates.client(serverName: name))
                #expect(error.code == .tlsFailed, "\(name): \(error)")
                #expect(error.message.contains("is for elsewhere.test, *.wild.test"), "\(error)")
            }
            for name in ["elsewhere.test", "a.wild.test"] {
                let client = try await server.connect(
                    .readOnly, Certificates.client(serverName: name))
                try await client.ping()
                try await client.close()
            }
            let error = try await refusal(server, Certificates.client(serverName: "192.0.2.1"))
            #expect(error.code == .invalidConfiguration)
        }
    }

    /// A certificate for the address that a name leads to is not one for the name.
    @Test func anAddressInTheCertificateIsNoName() async throws {
        try await withSecureServer { server in
            let error = try await refusal(server, Certificates.client(serverName: "db.test"))
            #expect(error.code == .tlsFailed)
            #expect(error.message.contains("of db.test is for 127.0.0.1"), "\(error)")
            let client = try await server.connect(
                .readOnly, Certificates.client(serverName: "localhost"))
            try await client.ping()
            try await client.close()
        }
    }

    @Test func filesThatCannotBeUsedAreNamed() async throws {
        let cases = [
            (TLSOptions(caFile: "/nowhere.pem"), "/nowhere.pem"),
            (TLSOptions(certificateFile: Certificates.path("node")), "no key"),
            (TLSOptions(keyFile: Certificates.path("key")), "no certificate"),
        ]
        try await withSecureServer { server in
            for (tls, word) in cases {
                let error = try await refusal(server, tls)
                #expect(error.code == .invalidConfiguration)
                #expect(error.message.contains(word), "\(error)")
            }
        }
    }

    // MARK: Whom a server believes

    @Test func aServerThatAsksLetsInWhomItsAuthoritySigned() async throws {
        try await withSecureServer(Certificates.node) { server in
            // Whatever name is in it: it is no server's.
            for shown in [Certificates.node, Certificates.elsewhere] {
                let client = try await server.connect(.any, Certificates.client(shown))
                try await client.ping()
                try await client.close()
            }
            for (shown, word) in [
                (nil, "wants a certificate"), (Certificates.stranger, "does not believe"),
                (Certificates.expired, "is not valid now"),
            ] {
                let error = try await refusal(server, Certificates.client(shown))
                #expect(error.code == .tlsFailed)
                #expect(error.message.contains(word), "\(error)")
            }
        }
    }

    @Test func beyondLoopbackClientsProveWhoTheyAre() async throws {
        let anonymous = CertificateFiles(
            certificate: Certificates.node.certificate, key: Certificates.node.key)
        for (files, word) in [
            (CertificateFiles(), "there is no authentication"), (anonymous, "asks nobody"),
            (Certificates.node, "cannot listen"),
        ] {
            let error = await #expect(throws: ThalwegError.self) {
                _ = try await TestServer.start {
                    $0.listen = ["192.0.2.1:3727"]
                    $0.tls = files
                }
            }
            #expect(error?.message.contains(word) == true, "\(error as Any)")
        }
    }

    // MARK: Plain text

    @Test func plainTextAtATLSListenerIsToldSo() async throws {
        try await withSecureServer { server in
            let error = try await refusal(server, nil)
            #expect(error.code == .tlsRequired)
            #expect(error.advice.contains("--tls"))
            let connection = try RawConnection(server.address)
            try connection.send(Array("GET / HTTP/1.1\r\n\r\n".utf8))
            #expect(try connection.receiveError().code == .tlsRequired)
            #expect(try connection.receive() == nil)
        }
    }

    @Test func tlsAtAPlainListenerIsToldSoAtOnce() async throws {
        try await withServer { server in
            let clock = ContinuousClock()
            let start = clock.now
            let error = try await refusal(server, Certificates.client())
            #expect(error.code == .tlsFailed)
            #expect(error.message.contains("speaks plain text"), "\(error)")
            // It does not wait for the time that a greeting has.
            #expect(clock.now - start < .seconds(8))
        }
    }

    @Test func aUnixSocketIsPlainAlways() async throws {
        let path = TestServer.newDirectory() + ".sock"
        try await withServer({
            $0.listen.append("unix:\(path)")
            $0.tls = Certificates.node
        }) { server in
            for tls in [nil, Certificates.client()] {
                var options = ClientOptions(name: "test", source: .readOnly)
                options.tls = tls
                let client = try await ThalwegClient.connect(to: path, options: options)
                try await client.ping()
                try await client.close()
            }
        }
    }

    // MARK: Limits

    @Test func aRefusalIsToldThroughTLS() async throws {
        try await withServer({
            $0.tls = Certificates.node
            $0.limits.connections = 1
        }) { server in
            let tls = Certificates.client(Certificates.node)
            let first = try await server.connect(.any, tls)
            let error = try await refusal(server, tls)
            #expect(error.code == .tooManyConnections, "\(error)")
            try await first.close()
        }
    }

    // MARK: Renewal

    @Test func renewedFilesAreInForceWhenTheyAreReadAgain() async throws {
        let server = try Certificates.Replaceable(Certificates.expired)
        let client = try Certificates.Replaceable(Certificates.expired)
        defer {
            #expect(throws: Never.self) {
                try server.remove()
                try client.remove()
            }
        }
        try await withSecureServer(server.files) { running in
            let shown = Certificates.client(client.files)
            #expect(try await refusal(running, shown).message.contains("has expired"))
            try server.spoil()
            let error = #expect(throws: ThalwegError.self) {
                try running.server.reloadCertificates()
            }
            #expect(error?.code == .invalidConfiguration)
            #expect(try await refusal(running, shown).message.contains("has expired"))
            try server.replace(by: Certificates.renewed)
            try running.server.reloadCertificates()
            #expect(try await refusal(running, shown).message.contains("is not valid now"))

            // A client reads its own before each connection but the first.
            try client.replace(by: Certificates.node)
            let proxy = try CuttingProxy(running.address)
            defer { proxy.stop() }
            var options = ClientOptions(name: "test", source: .readOnly)
            options.reconnect = .backOff(least: .milliseconds(5), greatest: .milliseconds(20))
            options.tls = shown
            let connected = try await ThalwegClient.connect(to: proxy.address, options: options)
            try client.replace(by: Certificates.expired)
            proxy.cutAll()
            _ = try await eventually("the client is refused") {
                if case .reconnecting(_, let cause, _) = connected.connectionState {
                    return cause.code == .tlsFailed ? true : nil
                }
                return nil
            }
            try client.replace(by: Certificates.renewed)
            try await connected.ping()
            try await connected.close()
        }
    }

    // MARK: Small parts

    @Test func certificatesNameHostsAsRFC6125Says() {
        let cases: [(CertificateNames.Name, String, Bool)] = [
            (.host("a.test"), "a.test", true), (.host("A.Test"), "a.tesT", true),
            (.host("a.test"), "b.test", false), (.host("*.test"), "a.test", true),
            (.host("*.test"), "a.b.test", false), (.host("*.test"), ".test", false),
            (.host("*.test"), "test", false), (.host("a*.test"), "ab.test", false),
            (.host("127.0.0.1"), "127.0.0.1", false), (.host("*.0.0.1"), "127.0.0.1", false),
            (.address([127, 0, 0, 1]), "127.0.0.1", true),
            (.address([127, 0, 0, 2]), "127.0.0.1", false),
            (.address([127, 0, 0, 1]), "localhost", false),
            (.address(Array(repeating: 0, count: 15) + [1]), "::1", true),
        ]
        for (name, host, matches) in cases {
            #expect(CertificateNames.matches(name, host) == matches, "\(name) \(host)")
        }
    }

    @Test func tlsIsToldFromFrames() throws {
        #expect(TLSRecord.begins([22, 3, 1] as [UInt8]) == true)
        #expect(TLSRecord.begins([22, 3, 3, 9] as [UInt8]) == true)
        #expect(TLSRecord.begins([22, 3] as [UInt8]) == nil)
        #expect(TLSRecord.begins([] as [UInt8]) == nil)
        for bytes in [[21], [22, 2], [22, 3, 0], [22, 3, 5]] as [[UInt8]] {
            #expect(TLSRecord.begins(bytes) == false)
        }
        // No greeting of any length that it may have is taken for TLS.
        for count in 0...1_000 {
            let hello = Hello(
                clientName: String(repeating: "n", count: min(count, 255)),
                token: String(repeating: "t", count: count), claim: .any)
            guard let frame = try? Frame.bytes(hello, requestID: 1) else { continue }
            #expect(TLSRecord.begins(frame) == false)
        }
    }
}
