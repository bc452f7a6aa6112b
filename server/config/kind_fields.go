package config

// kindFields are those of upstreams that are no MCP server.
func kindFields() []field {
	var t []field
	for _, part := range [][]field{
		httpFields(), httpToolFields(), openAPIFields(), openAPIChoiceFields(), execFields(),
		filesFields(),
	} {
		t = append(t, part...)
	}
	return t
}

// ofKind is the path of a key of a kind's section.
func ofKind(kind string) func(key string) string {
	return func(key string) string { return join(ofUpstream(kind), key) }
}

const (
	bearerDoc = "Token that goes with every request, as ${VAR}: Authorization: Bearer."
	basicDoc  = "USER:PASSWORD that goes with every request, as ${VAR}: Authorization: Basic."
	queryDoc  = "What every request has in its query, such as a key of the API."

	responseDoc = "Read of a response, after decompression; a longer one is cut or an error."
	resultDoc   = "Longest answer: a longer text is cut, anything else is an error."
	pointerDoc  = "JSON pointer of the part of the response that is the answer: /data/items."
	fieldsDoc   = "Members that are kept, of the answer or of each entry in it; a.b is nested."
	resultsDoc  = "structured answers have structured content, text ones have none; auto is " +
		"structured where there is an output schema."

	toolHints = "What it does: read_only, idempotent, additive, destructive, closed_world."
)

func resultWords() []string { return []string{Auto, "text", "structured"} }

func sizeField(path, doc string) field {
	return field{path: path, unit: bytesUnit, min: kib, max: gib, doc: doc}
}

func httpFields() []field {
	at := ofKind("http")
	return []field{
		{
			path: at("base_url"), unit: "url",
			doc: "Where the API is: before each tool's url that begins with /.",
		},
		{path: at("bearer"), unit: "text", hide: true, doc: bearerDoc},
		{path: at("basic"), unit: "text", hide: true, doc: basicDoc},
		{path: at("query"), unit: "name: value", doc: queryDoc},
		sizeField(at("response_bytes"), responseDoc), sizeField(at("result_bytes"), resultDoc),
	}
}

func httpToolFields() []field {
	tool := ofKind("http.tools." + anyTool)
	return []field{
		{path: tool("title"), doc: "Its name for people."},
		{path: tool("description"), doc: "What it does, for the model."},
		{
			path: tool("method"),
			enum: []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"},
			doc:  "Method of the request.",
		},
		{
			path: tool("url"), unit: "template",
			doc: "Where it goes. {ARG} is an argument in one segment of the path, {+ARG} over " +
				"several; /PATH stands behind base_url.",
		},
		{
			path: tool("query"), unit: "name: template",
			doc: "Its query; an array is its name several times, what is not given is left out.",
		},
		{path: tool("headers"), unit: "name: template", doc: "Its headers."},
		{
			path: tool("body"), unit: jsonUnit, hide: true,
			doc: "Its body, with {ARG} in its texts: alone in one it is the argument as JSON.",
		},
		{
			path: tool("body_type"), enum: []string{"json", "form", "text"},
			doc: "How the body is written.",
		},
		{
			path: tool("input"), unit: schemaUnit,
			doc: "Schema of the arguments; without it each that is used is a text.",
		},
		{
			path: tool("output"), unit: schemaUnit,
			doc: "Schema of the structured content that an answer has.",
		},
		{path: tool("hints"), unit: "words", doc: toolHints + " Empty is what the method says."},
		{path: tool("pointer"), unit: "JSON pointer", doc: pointerDoc},
		{path: tool("fields"), unit: "names", doc: fieldsDoc},
		{path: tool("result"), enum: resultWords(), doc: resultsDoc},
	}
}

func openAPIFields() []field {
	at := ofKind("openapi")
	return []field{
		{
			path: at("document"), unit: "path or url", hide: true,
			doc: "OpenAPI 3.0 or 3.1, JSON or YAML; read again at each refresh.",
		},
		{
			path: at("base_url"), unit: "url",
			doc: "Where requests go; empty is the document's first server, of a URL its own host.",
		},
		{path: at("bearer"), unit: "text", hide: true, doc: bearerDoc},
		{path: at("basic"), unit: "text", hide: true, doc: basicDoc},
		{path: at("query"), unit: "name: value", doc: queryDoc},
		{
			path: at("credentials"), unit: "name: value",
			doc: "Secrets by the names of the document's security schemes: a token, a key or " +
				"USER:PASSWORD. An operation gets those that it wants.",
		},
	}
}

func openAPIChoiceFields() []field {
	at := ofKind("openapi")
	return []field{
		{
			path: at("operations"), unit: "patterns",
			doc: "Ids of operations that are offered; empty is all, and so it is below.",
		},
		{path: at("tags"), unit: "tags", doc: "Offered is what has one of these tags."},
		{path: at("methods"), unit: "methods", doc: "Offered is what has one of these: GET, POST."},
		{path: at("paths"), unit: "patterns", doc: "Offered is what has one of these paths."},
		{
			path: at("output"),
			doc:  "Offer output schemas; false for an API that does not keep to its own.",
		},
		{path: at("pointer"), unit: "JSON pointer", doc: pointerDoc},
		{path: at("fields"), unit: "names", doc: fieldsDoc},
		{path: at("result"), enum: resultWords(), doc: resultsDoc},
		sizeField(at("document_bytes"), "Size of the document."),
		{
			path: at("operations_max"), unit: "operations", min: 1, max: 10_000,
			doc: "Operations that are offered; further ones are left out.",
		},
		sizeField(at("response_bytes"), responseDoc), sizeField(at("result_bytes"), resultDoc),
	}
}

func execFields() []field {
	at, tool := ofKind("exec"), ofKind("exec.tools."+anyTool)
	return []field{
		{
			path: at("processes"), unit: "processes", min: 1, max: 10_000,
			doc: "Programs that run at the same time; further calls wait.",
		},
		sizeField(at("output_bytes"),
			"Standard output of a program; one that writes more is ended."),
		sizeField(at("result_bytes"), resultDoc),
		{path: tool("title"), doc: "Its name for people."},
		{path: tool("description"), doc: "What it does, for the model."},
		{
			path: tool("command"), unit: "templates",
			doc: "Program and its arguments, no shell: {ARG} is a whole element, --NAME={ARG} " +
				"one behind its =, {ARG...} one for each entry; any other is as it is written.",
		},
		{
			path: tool("options"), unit: "names",
			doc: "Arguments that may begin with -; all others may not, but behind --.",
		},
		{path: tool("stdin"), doc: "Argument that becomes standard input; empty is none."},
		{
			path: tool("input"), unit: schemaUnit,
			doc: "Schema of the arguments; without it each that is used is a text, and needed.",
		},
		{
			path: tool("output"), unit: schemaUnit,
			doc: "Schema of standard output, which is JSON then.",
		},
		{path: tool("hints"), unit: "words", doc: toolHints},
	}
}

func filesFields() []field {
	at := ofKind("files")
	return []field{
		{path: at("root"), unit: "path", doc: "The directory; nothing outside of it is read."},
		{
			path: at("uri"), unit: "uri",
			doc: "What URIs begin with, ending in a slash; empty is file:///NAME/.",
		},
		{
			path: at("include"), unit: "patterns",
			doc: "Files that are offered, by name or, with a slash, by path; empty is all.",
		},
		{path: at("exclude"), unit: "patterns", doc: "Files that are not."},
		{path: at("hidden"), doc: "Offer what begins with a dot, too."},
		{path: at("watch"), doc: "Tell clients of changes."},
		{
			path: at("files_max"), unit: "files", min: 1, max: 100_000,
			doc: "Files in the list; others can be read by the template all the same.",
		},
		sizeField(at("file_bytes"), "Size of a file; a longer one is not read."),
		{
			path: at("watch_max"), unit: "directories", min: 1, max: 1_000_000,
			doc: "Directories that are watched.",
		},
	}
}
