package config

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// fileBytesMax bounds a config file, so that a wrong path costs nothing.
const fileBytesMax = 1 * mib

// Load reads, parses and validates the file at path; ${VAR} comes from the process's
// environment. The error is Faults when the file could be read.
func Load(path string) (*Config, error) {
	cfg, _, err := LoadFirst(path)
	return cfg, err
}

// LoadFirst is Load; sum is that of what was read.
func LoadFirst(path string) (cfg *Config, sum Sum, err error) {
	data, err := readFile(path)
	if err != nil {
		return nil, sum, err
	}
	cfg, err = parse(path, data, os.LookupEnv)
	return cfg, sha256.Sum256(data), err
}

// readFile reads a configuration, and not more than one may have.
func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("cannot open config: %w", err)
	}
	defer func() { _ = f.Close() }() // only read from: a failed close loses nothing
	data, err := io.ReadAll(io.LimitReader(f, fileBytesMax+1))
	if err != nil {
		return nil, fmt.Errorf("cannot read config: %w", err)
	}
	return data, nil
}

// Parse reads a Config over Default and validates it. A nil lookup is an empty environment.
// The error is Faults: all of them at once. data is not kept.
func Parse(data []byte, lookup LookupEnv) (*Config, error) {
	return parse("config", data, lookup)
}

func parse(file string, data []byte, lookup LookupEnv) (*Config, error) {
	if lookup == nil {
		lookup = func(string) (string, bool) { return "", false }
	}
	if servers, fault, ok := clientServers(data); fault != nil {
		fault.File = file
		return nil, Faults{fault}
	} else if ok {
		return parseClients(file, servers, lookup)
	}
	root, fault := parseYAML(data)
	if fault != nil {
		fault.File = file
		return nil, Faults{fault}
	}
	cfg := Default()
	cfg.origin = map[string]origin{"": {file: file}}
	d := decoder{file: file, lookup: lookup, origin: cfg.origin}
	d.document(root, cfg)
	faults := append(d.faults, cfg.fieldFaults(d.bad)...)
	if len(d.faults) == 0 {
		faults = append(faults, cfg.crossFaults()...)
	}
	if len(faults) > 0 {
		slices.SortStableFunc(faults, func(a, b *Fault) int { return a.Line - b.Line })
		return nil, faults
	}
	return cfg, nil
}

// parseYAML returns the document's top node, or nil for an empty document.
func parseYAML(data []byte) (*yaml.Node, *Fault) {
	if len(data) > fileBytesMax {
		return nil, &Fault{Text: "cannot read config: longer than 1MiB; is it the right file?"}
	}
	if !utf8.Valid(data) || bytes.IndexByte(data, 0) >= 0 {
		return nil, &Fault{Text: "cannot read config: not UTF-8 text; is it the right file?"}
	}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc yaml.Node
	if err := dec.Decode(&doc); errors.Is(err, io.EOF) {
		return nil, nil
	} else if err != nil {
		return nil, yamlFault(err)
	}
	var second yaml.Node
	if err := dec.Decode(&second); err == nil {
		text := "cannot read config: a second document begins; keep one and remove ---"
		return nil, &Fault{Line: second.Line, Text: text}
	} else if !errors.Is(err, io.EOF) {
		return nil, yamlFault(err)
	}
	return doc.Content[0], nil
}

var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)

// yamlFault moves the line out of the YAML package's text.
func yamlFault(err error) *Fault {
	text := err.Error()
	m := yamlLine.FindStringSubmatch(text)
	if m == nil {
		return &Fault{Text: "cannot parse config: " + text}
	}
	line, err := strconv.Atoi(m[1])
	if err != nil && !strings.Contains(text, "control characters") {
		line = 1 // the only line that the parser does not name
	}
	return &Fault{Line: line, Text: "cannot parse YAML: " + text[len(m[0]):]}
}
