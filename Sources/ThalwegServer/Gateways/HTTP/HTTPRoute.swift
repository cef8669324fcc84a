import NIOHTTP1
import ThalwegModel
import ThalwegText

/// A method at a path, what it takes, and what it does. The description at `/openapi.json` is made of
/// these, so there is none that it leaves out.
struct HTTPRoute: Sendable {
    typealias Run = @Sendable (HTTPCall) throws(ThalwegError) -> Void

    /// A word of the query.
    struct Word: Sendable {
        let name: String
        let meaning: String
    }

    let method: HTTPMethod
    /// `/v1/topics/{topic}`
    let path: String
    let summary: String
    let query: [Word]
    /// The body is JSON, and said to be.
    let takesJSON: Bool
    /// What the body is; `nil` where there is none.
    let body: String?
    let answers: String
    let run: Run
    private let segments: [Substring]

    init(
        _ method: HTTPMethod, _ path: String, _ summary: String,
        query: KeyValuePairs<String, String> = [:], body: String? = nil, takesJSON: Bool? = nil,
        answers: String = "application/json", run: @escaping Run
    ) {
        self.method = method
        self.path = path
        self.summary = summary
        self.query = query.map { Word(name: $0.key, meaning: $0.value) }
        self.body = body
        self.takesJSON = takesJSON ?? (body != nil)
        self.answers = answers
        self.run = run
        segments = path.split(separator: "/")
    }

    /// All there are.
    static let all: [HTTPRoute] = server + console + topics + records + changes

    enum Found {
        case found(HTTPRoute, parameters: [String: String])
        /// There are other methods at the path.
        case otherMethods([String])
        case none
    }

    static func find(_ method: HTTPMethod, _ target: HTTPTarget) -> Found {
        var others: [String] = []
        for route in all {
            guard let parameters = route.matches(target.segments) else { continue }
            if route.method == method { return .found(route, parameters: parameters) }
            others.append(route.method.rawValue)
        }
        if others.contains("GET") { others.append("HEAD") }
        return others.isEmpty ? .none : .otherMethods(others)
    }

    private func matches(_ wanted: [String]) -> [String: String]? {
        guard wanted.count == segments.count else { return nil }
        var parameters: [String: String] = [:]
        for (segment, text) in zip(segments, wanted) {
            if segment.hasPrefix("{") {
                parameters[String(segment.dropFirst().dropLast())] = text
            } else if segment != text {
                return nil
            }
        }
        return parameters
    }

    /// The names in the path's braces.
    var parameters: [String] {
        segments.filter { $0.hasPrefix("{") }.map { String($0.dropFirst().dropLast()) }
    }
}
