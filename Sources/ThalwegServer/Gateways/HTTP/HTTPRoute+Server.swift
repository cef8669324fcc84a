import NIOHTTP1
import ThalwegModel
import ThalwegText
import ThalwegWire

extension HTTPRoute {
    /// The server itself.
    static let server: [HTTPRoute] = [
        HTTPRoute(.GET, "/", "What there is; a browser is shown the console.") {
            call throws(ThalwegError) in
            if call.head.headers[canonicalForm: "Accept"].contains(where: {
                $0.hasPrefix("text/html")
            }) {
                return call.answer(
                    HTTPAnswer(status: .seeOther, headers: [("Location", "/console")]))
            }
            call.answer(
                .json(
                    .members([
                        "server": .string("thalweg"), "version": .string(serverVersion),
                        "description": .string("/openapi.json"),
                        "routes": .array(all.map { .string("\($0.method) \($0.path)") }),
                    ])))
        },
        HTTPRoute(.GET, "/openapi.json", "This description, as OpenAPI 3.1.") {
            call throws(ThalwegError) in call.answer(.json(OpenAPI.document))
        },
        HTTPRoute(.GET, "/v1/status", "The server's counters.") { call throws(ThalwegError) in
            call.ask(StatusRequest()) { (status: StatusInfo) throws(ThalwegError) in
                .json(
                    .object(
                        status.counters.map {
                            JSON.Member(name: $0.name, value: .unsigned($0.value))
                        }))
            }
        },
    ]
}

/// The description of the interface.
enum OpenAPI {
    static let document: JSON = .members([
        "openapi": .string("3.1.0"),
        "info": .members([
            "title": .string("Thalweg"), "version": .string(serverVersion),
            "description": .string(
                "A live-state server. Errors are {\"error\": {\"code\", \"number\", \"message\", …}} "
                    + "with the codes of docs/errors.md."),
        ]),
        "paths": .object(paths),
    ])

    private static var paths: [JSON.Member] {
        var order: [String] = []
        var operations: [String: [JSON.Member]] = [:]
        for route in HTTPRoute.all {
            if operations[route.path] == nil { order.append(route.path) }
            operations[route.path, default: []].append(
                JSON.Member(name: route.method.rawValue.lowercased(), value: operation(route)))
        }
        return order.map { JSON.Member(name: $0, value: .object(operations[$0] ?? [])) }
    }

    private static func operation(_ route: HTTPRoute) -> JSON {
        func parameter(_ name: String, _ place: String, _ meaning: String) -> JSON {
            .members([
                "name": .string(name), "in": .string(place), "required": .bool(place == "path"),
                "description": .string(meaning), "schema": .members(["type": .string("string")]),
            ])
        }
        var members: [JSON.Member] = [
            JSON.Member(name: "summary", value: .string(route.summary)),
            JSON.Member(
                name: "parameters",
                value: .array(
                    route.parameters.map { parameter($0, "path", "The \($0).") }
                        + route.query.map { parameter($0.name, "query", $0.meaning) })),
        ]
        if let body = route.body {
            let type = route.takesJSON ? "application/json" : "*/*"
            members.append(
                JSON.Member(
                    name: "requestBody",
                    value: .members([
                        "required": .bool(true), "description": .string(body),
                        "content": .object([JSON.Member(name: type, value: .object([]))]),
                    ])))
        }
        members.append(
            JSON.Member(
                name: "responses",
                value: .members([
                    "200": .members([
                        "description": .string("Done."),
                        "content": .object([
                            JSON.Member(name: route.answers, value: .object([]))
                        ]),
                    ]),
                    "default": .members(["description": .string("An error, with its code.")]),
                ])))
        return .object(members)
    }
}
