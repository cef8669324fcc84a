import Testing
import ThalwegModel

@testable import ThalwegBench

@Suite struct OptionTests {
    @Test func `a mix is three percentages that add up`() throws {
        let mix = try Mix(parsing: "70/20/10")
        #expect(mix == .standard)
        #expect(mix.description == "70/20/10")
        #expect(try Mix(parsing: "100/0/0") == .assertsOnly)
    }

    @Test(arguments: ["", "70/20", "70/20/11", "-10/100/10", "a/b/c", "50/50/0/0", "70//30"])
    func `anything else is refused with what to write`(text: String) {
        let error = #expect(throws: ThalwegError.self) { try Mix(parsing: text) }
        #expect(error?.code == .invalidConfiguration)
        #expect(error?.advice.contains("70/20/10") == true)
    }

    @Test func `durations have units`() throws {
        #expect(try DurationText.parse("10s") == .seconds(10))
        #expect(try DurationText.parse("500ms") == .milliseconds(500))
        #expect(try DurationText.parse("2m") == .seconds(120))
        #expect(try DurationText.parse("1.5s") == .milliseconds(1_500))
        #expect(try DurationText.parse("3") == .seconds(3))
    }

    @Test(arguments: ["", "s", "0s", "-1s", "ten", "1h", "100000000s", "nan", "inf"])
    func `what is no duration is refused`(text: String) {
        #expect(throws: ThalwegError.self) { try DurationText.parse(text) }
    }

    @Test func `addresses have a host and a port`() throws {
        let endpoint = try Endpoint(parsing: "127.0.0.1:7171")
        #expect(endpoint == Endpoint(host: "127.0.0.1", port: 7_171))
        let six = try Endpoint(parsing: "[::1]:80")
        #expect(six.host == "::1")
        #expect(six.description == "[::1]:80")
    }

    @Test(arguments: ["", "localhost", ":80", "host:", "host:70000", "host:x"])
    func `what is no address is refused`(text: String) {
        #expect(throws: ThalwegError.self) { try Endpoint(parsing: text) }
    }

    @Test func `a load that makes no sense names its option`() {
        var options = LoadOptions()
        options.entities = 0
        let error = #expect(throws: ThalwegError.self) { try options.check() }
        #expect(error?.message.contains("--entities") == true)
        options.entities = 1
        options.hotPercent = 101
        #expect(throws: ThalwegError.self) { try options.check() }
    }

    @Test func `the filters of a fan-out share out the keys`() {
        var options = FanoutOptions()
        options.load.entities = 100
        options.filters = 3
        #expect(options.filter(of: 0) == "key >= 0 and key < 33")
        #expect(options.filter(of: 1) == "key >= 33 and key < 66")
        #expect(options.filter(of: 2) == "key >= 66 and key < 100")
        #expect(options.filter(of: 3) == options.filter(of: 0))
    }

    @Test func `scenarios refuse what makes no sense before they start anything`() {
        var resume = ResumeOptions()
        resume.changedPercent = 0
        var fanout = FanoutOptions()
        fanout.filters = fanout.subscribers + 1
        var bootstrap = BootstrapOptions()
        bootstrap.rounds = 0
        let errors = [
            #expect(throws: ThalwegError.self) { try runResume(resume) },
            #expect(throws: ThalwegError.self) { try runFanout(fanout) },
            #expect(throws: ThalwegError.self) { try runBootstrap(bootstrap) },
        ]
        for (error, option) in zip(errors, ["--changed-pct", "--filters", "--rounds"]) {
            #expect(error?.code == .invalidConfiguration)
            #expect(error?.message.contains(option) == true)
        }
    }

    @Test func `a rate is shared out in frames and never passed`() {
        var pace = Pace(writesPerSecond: 100_000, start: 0)
        #expect(pace.writesPerFrame == 200)
        pace.passed(100_000)
        #expect(!pace.waits(before: 1_000_000_000))
        #expect(Pace(writesPerSecond: 0, start: 0).writesPerFrame == .max)
    }

    @Test func `the figure of a benchmark of Redis is its second column`() {
        let csv = "\"test\",\"rps\",\"avg_latency_ms\"\r\n\"SET\",\"1234567.50\",\"0.4\"\r\n"
        #expect(RedisPeer.requestsPerSecond(of: .set, csv: csv) == 1_234_567.5)
        #expect(RedisPeer.requestsPerSecond(of: .set, csv: "\"SET\",\"42\"") == 42)
        #expect(RedisPeer.requestsPerSecond(of: .set, csv: "ERR") == nil)
    }

    @Test func `counters are told by how much they grew and states as they are`() {
        let counters = ServerCounters(
            before: ["writes": 10, "memory_bytes": 500],
            after: ["writes": 25, "memory_bytes": 400, "entries": 3]
        )
        #expect(counters.all == ["writes": 15, "memory_bytes": 400, "entries": 3])
        #expect(counters.grown("invalid") == nil)
    }
}
