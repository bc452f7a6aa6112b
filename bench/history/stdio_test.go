package history

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"syscall"
	"time"
)

// end is how a child process loses its parent.
type end int

const (
	eof      end = iota // behind a whole line: what was asked is still answered
	halfLine            // in the midst of one, which must not run
	nobodyReads
	killed

	ends
)

// stdioChild is a process of its own, and so is its ledger: each is another client.
type stdioChild struct {
	*peer
	binary string
	end    end
}

func (e end) String() string { return [ends]string{"eof", "halfline", "unread", "killed"}[e] }

// talk makes operations, then ends as it is told to, while requests are open.
func (s *stdioChild) talk(operations int) error {
	ctx, stop := context.WithTimeout(context.Background(), 4*patience)
	defer stop()
	cmd := exec.CommandContext(ctx, s.binary, "-stdio")
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	l := lineLink{in, bufio.NewReader(out)}
	if err = s.session(l, operations); err == nil {
		err = s.lose(l, out, cmd)
	}
	_ = in.Close()
	begin := time.Now()
	switch status := cmd.Wait(); {
	case err != nil:
		return fmt.Errorf("%s: %w", s.name, err)
	case s.end <= halfLine && status != nil:
		return fmt.Errorf("%s: the child ended with %w", s.name, status)
	case time.Since(begin) > patience:
		return fmt.Errorf("%s: the child did not end", s.name)
	}
	return nil
}

// lose ends the child's pipes, or the child, while requests are open.
func (s *stdioChild) lose(l lineLink, out io.Closer, cmd *exec.Cmd) error {
	s.add(Event{Kind: Deaf}) // who is not awaited need not be told
	for range 1 + s.random.IntN(8) {
		request, e := s.next()
		if err := s.ask(l, request, e); err != nil {
			return err
		}
	}
	switch s.end {
	case killed:
		if err := cmd.Process.Signal(syscall.SIGKILL); err != nil {
			return err
		}
	case nobodyReads:
		s.add(Event{Kind: Cut})
		return out.Close()
	case halfLine:
		request, _ := s.call(Append, 0)
		half := request[:1+s.random.IntN(len(request)-1)]
		if _, err := io.WriteString(l, half); err != nil {
			return err
		}
		fallthrough
	case eof:
		if err := l.Close(); err != nil {
			return err
		}
	}
	return s.rest(l)
}

// rest takes what the child still says.
func (s *stdioChild) rest(l link) error {
	err := s.hear(l, func() bool { return false })
	switch {
	case !errors.Is(err, errCut):
		return err
	case s.end == killed:
		s.add(Event{Kind: Cut})
	}
	return nil
}

// children starts children one after the other for each way to end and each era.
func children(begin func(p *peer, talk func() error), binary string) {
	for i := range int(ends) * 2 {
		first := &peer{modern: i%2 == 0, logs: true, version: "2025-06-18"}
		begin(first, func() error {
			for round := range clientsEach / 2 {
				p := *first
				s := &stdioChild{peer: &p, binary: binary, end: end(i / 2)}
				p.name = fmt.Sprintf("stdio.%v-%d.%d", s.end, i, round)
				if err := s.talk(p.random.IntN(operations / 2)); err != nil {
					return err
				}
			}
			return nil
		})
	}
}
