package hostile

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"

	"github.com/mcploop/mcploop/bench/load"
	"github.com/mcploop/mcploop/bench/proc"
)

// report is a line that a worker prints: the first when all peers have come, the second when they
// have left.
type report struct {
	Deeds []Deeds `json:"deeds"`
	Error string  `json:"error,omitempty"`
}

// Worker reads Options, one line of JSON, from in, gathers the crowd, says so on out, and lets it
// leave when in ends. It is for processes that Start started.
func Worker(in io.Reader, out io.Writer) error {
	lines := bufio.NewReader(in)
	line, err := lines.ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("cannot read the options of the crowd: %w", err)
	}
	opt := Options{Load: load.DefaultOptions()}
	if err := json.Unmarshal(line, &opt); err != nil {
		return fmt.Errorf("cannot read the options %q: %w", line, err)
	}
	reports := json.NewEncoder(out)
	c, err := Gather(opt)
	if err != nil {
		return reports.Encode(report{Error: err.Error()})
	}
	if err := reports.Encode(report{}); err != nil {
		return err
	}
	_, _ = io.Copy(io.Discard, lines) // however it ends, it has ended
	return reports.Encode(report{Deeds: c.Leave()})
}

// Process is a crowd in a process of its own.
type Process struct {
	child   *proc.Child
	in      io.WriteCloser
	reports *json.Decoder
	said    *bytes.Buffer
}

// Start starts self, the command of a worker, on core (-1: any) and returns when the crowd has
// come. The caller ends it with Leave, once.
func Start(self []string, core int, opt Options) (*Process, error) {
	cmd := exec.Command(self[0], self[1:]...)
	p := &Process{said: new(bytes.Buffer)}
	cmd.Stderr = p.said
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("cannot start hostile peers: %w", err)
	}
	out, theirs, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("cannot start hostile peers: %w", err)
	}
	cmd.Stdout = theirs
	p.child, err = proc.Spawn(cmd, core)
	_ = theirs.Close() // the child has its own
	if err != nil {
		return nil, err
	}
	p.in, p.reports = in, json.NewDecoder(bufio.NewReader(out))
	line, err := json.Marshal(&opt)
	if err == nil {
		_, err = in.Write(append(line, '\n'))
	}
	if err == nil {
		_, err = p.next()
	}
	if err != nil {
		p.child.Stop()
		return nil, fmt.Errorf("cannot start hostile peers: %w", err)
	}
	return p, nil
}

// next reads a report.
func (p *Process) next() ([]Deeds, error) {
	var r report
	if err := p.reports.Decode(&r); err != nil {
		<-p.child.Done
		return nil, fmt.Errorf("their process ended without a report (%s): %s",
			p.child.State(), bytes.TrimSpace(p.said.Bytes()))
	}
	if r.Error != "" {
		return nil, fmt.Errorf("their process could not do it: %s", r.Error)
	}
	return r.Deeds, nil
}

// Leave lets the crowd leave and returns what it did.
func (p *Process) Leave() ([]Deeds, error) {
	defer p.child.Stop()
	if err := p.in.Close(); err != nil {
		return nil, fmt.Errorf("cannot tell hostile peers to leave: %w", err)
	}
	return p.next()
}
