package bench

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
)

// Plan says which servers are compared under which loads.
type Plan struct {
	Name      string `json:"name"`
	Reference string `json:"reference"` // the row that the others are divided by
	Rows      []Row  `json:"rows"`
	Cases     []Case `json:"cases"`
}

// Row is a server. In Command {bin} is the directory of the binaries, {addr} the address the
// server is to listen on, {size} the mean reply size of the first row in the same case.
type Row struct {
	Name      string   `json:"name"`
	Command   []string `json:"command"`
	Env       []string `json:"env,omitempty"` // NAME=value, added to ours
	Transport string   `json:"transport"`
	Era       string   `json:"era,omitempty"`
	Path      string   `json:"path,omitempty"`
	Tool      string   `json:"tool,omitempty"` // default echo
	Args      string   `json:"args,omitempty"` // its arguments, as Options.Args
}

// Case is a load.
type Case struct {
	Name  string `json:"name"`
	Conns int    `json:"conns"`
	Depth int    `json:"depth"`
	Bytes int    `json:"bytes,omitempty"`
}

// Validate reports every fault of p.
func (p *Plan) Validate() error {
	var errs []error
	names := map[string]bool{}
	for _, r := range p.Rows {
		if names[r.Name] {
			errs = append(errs, fmt.Errorf("plan %q has two rows %q", p.Name, r.Name))
		}
		names[r.Name] = true
		if len(r.Command) == 0 {
			errs = append(errs, fmt.Errorf("row %q has no command", r.Name))
		}
		if !slices.Contains(transports, r.Transport) {
			errs = append(errs, fmt.Errorf("row %q has no transport like %q", r.Name, r.Transport))
		}
	}
	if !names[p.Reference] {
		errs = append(errs, fmt.Errorf("plan %q has no row %q to refer to", p.Name, p.Reference))
	}
	if len(p.Cases) == 0 {
		errs = append(errs, fmt.Errorf("plan %q has no case", p.Name))
	}
	return errors.Join(errs...)
}

// only keeps the named rows (comma separated), and the reference.
func (p *Plan) only(names string) error {
	if names == "" {
		return nil
	}
	wanted := strings.Split(names, ",")
	for _, name := range wanted {
		if !slices.ContainsFunc(p.Rows, func(r Row) bool { return r.Name == name }) {
			return fmt.Errorf("plan %q has no row %q", p.Name, name)
		}
	}
	p.Rows = slices.DeleteFunc(p.Rows, func(r Row) bool {
		return r.Name != p.Reference && !slices.Contains(wanted, r.Name)
	})
	return nil
}

// readPlan returns the built-in plan of that name, or reads the file.
func readPlan(name string) (Plan, error) {
	if p, ok := plans()[name]; ok {
		return p, nil
	}
	b, err := os.ReadFile(name)
	if err != nil {
		known := strings.Join(slices.Sorted(maps.Keys(plans())), ", ")
		return Plan{}, fmt.Errorf("cannot find plan %q: it is a file or one of %s: %w",
			name, known, err)
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	var p Plan
	if err := d.Decode(&p); err != nil {
		return Plan{}, fmt.Errorf("cannot read plan %q: %w", name, err)
	}
	return p, nil
}

// peer is a row of bench/peers.
func peer(name, kind, transport string, args ...string) Row {
	command := append([]string{"{bin}/peers", kind, "--addr", "{addr}"}, args...)
	return Row{Name: name, Command: command, Transport: transport}
}

// ours is a row of the binary itself.
func ours(name, door, transport string) Row {
	return Row{
		Name: name, Command: []string{"{bin}/mcploop", "serve", door, "{addr}"},
		Transport: transport,
	}
}

// tsSDK is the server of bench/peers/ts on the TypeScript SDK v1 or v2; make peers-ts installs it.
func tsSDK(name, version, door, transport string, args ...string) Row {
	command := append([]string{"node", "bench/peers/ts/" + version + ".mjs", door}, args...)
	return Row{Name: name, Command: command, Transport: transport}
}

func stdio(name string, command ...string) Row {
	return Row{Name: name, Command: command, Transport: TransportStdio}
}

// repeat is a call of three arguments, of a tool that has a schema or none.
func repeat(name string) Row {
	return Row{
		Name: name, Command: []string{"{bin}/everything", "--tcp", "{addr}"},
		Transport: TransportTCP, Tool: "repeat_" + name,
		Args: `{"message":"{text}","limit":10,"verbose":true}`,
	}
}

// plans are the comparisons behind docs/numbers.md.
func plans() map[string]Plan {
	return map[string]Plan{
		"tcp": {
			Name: "tcp", Reference: "netpoll-echo",
			Rows: []Row{
				ours("mcploop", "--tcp", TransportTCP),
				peer("netpoll-echo", "netpoll-echo", TransportEcho),
				peer("epoll-echo", "epoll-echo", TransportEcho),
				peer("net-codec", "net-codec", TransportTCP),
				peer("net-json", "net-json", TransportTCP),
			},
			Cases: []Case{
				{"C=64 P=1", 64, 1, 0},
				{"C=64 P=16", 64, 16, 0},
				{"C=1000 P=1", 1000, 1, 0},
				{"C=1000 P=16", 1000, 16, 0},
			},
		},
		"http": httpPlan(),
		"ws": {
			Name: "ws", Reference: "tcp",
			Rows: []Row{ours("ws", "--http", TransportWS), ours("tcp", "--tcp", TransportTCP)},
			Cases: []Case{
				{"C=64 P=1", 64, 1, 0}, {"C=64 P=16", 64, 16, 0}, {"C=1000 P=1", 1000, 1, 0},
			},
		},
		"schema": {
			Name: "schema", Reference: "unchecked",
			Rows: []Row{repeat("checked"), repeat("unchecked")},
			Cases: []Case{
				{"C=64 P=1", 64, 1, 0}, {"C=64 P=16", 64, 16, 0}, {"C=1000 P=1", 1000, 1, 0},
			},
		},
		"stdio": {
			Name: "stdio", Reference: "go-sdk",
			Rows: []Row{
				stdio("mcploop", "{bin}/mcploop", "serve", "--stdio"),
				stdio("go-sdk", "{bin}/peers", "gosdk", "--stdio"),
				stdio("mcp-go", "{bin}/peers", "mcpgo", "--stdio"),
				tsSDK("ts-sdk v1", "v1", "stdio", TransportStdio),
				tsSDK("ts-sdk v2", "v2", "stdio", TransportStdio),
			},
			Cases: []Case{{"P=64", 1, 64, 0}},
		},
	}
}

func httpPlan() Plan {
	return Plan{
		Name: "http", Reference: "fasthttp-fixed",
		Rows: []Row{
			ours("mcploop modern", "--http", TransportHTTPModern),
			ours("mcploop legacy", "--http", TransportHTTPLegacy),
			peer("fasthttp-fixed", "fasthttp-fixed", TransportHTTPFixed, "--size", "{size}"),
			peer("fasthttp-codec", "fasthttp-codec", TransportHTTPModern),
			peer("nethttp-fixed", "nethttp-fixed", TransportHTTPFixed, "--size", "{size}"),
			peer("mcp-go modern", "mcpgo", TransportHTTPModern),
			peer("mcp-go legacy", "mcpgo", TransportHTTPLegacy),
			peer("go-sdk modern", "gosdk", TransportHTTPModern, "--stateless", "--json"),
			peer("go-sdk legacy", "gosdk", TransportHTTPLegacy),
			peer("go-sdk legacy json", "gosdk", TransportHTTPLegacy, "--json"),
			tsSDK("ts-sdk v1 legacy json", "v1", "http", TransportHTTPLegacy, "{addr}"),
			tsSDK("ts-sdk v2 modern", "v2", "http", TransportHTTPModern, "{addr}"),
		},
		Cases: []Case{
			{"C=16 P=1", 16, 1, 0}, {"C=256 P=1", 256, 1, 0}, {"C=1000 P=1", 1000, 1, 0},
		},
	}
}
