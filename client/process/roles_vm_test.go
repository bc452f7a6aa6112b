//go:build vm

package process_test

import (
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/mcploop/mcploop/client/process"
)

func init() { moreRoles = playInVM }

func playInVM(role string) {
	switch role {
	case "eats":
		eat()
	case "child eats":
		child := exec.Command(playing("eats")[0], playing("eats")[1:]...)
		child.Stdout = os.Stdout
		if err := child.Start(); err != nil {
			panic(err)
		}
		playStubborn()
	case "burns":
		for n := 0; n >= 0; n = (n + 1) % 1000 {
		}
	case "hides":
		hide()
	case "nests":
		nest()
	case "owner of one that hides":
		k := process.NewKeeper(playing("keeper"), slog.Default())
		_, err := process.Start(process.Spec{
			Command: playing("hides"), Stdout: os.Stdout, Stderr: os.Stderr, Keeper: k,
		})
		if err != nil {
			panic(err)
		}
		playStubborn()
	case "delegate":
		playDelegate()
	}
}

// eat says how much it has eaten, by the MiB.
func eat() {
	var eaten [][]byte
	for {
		part := make([]byte, 1<<20)
		for i := 0; i < len(part); i += os.Getpagesize() {
			part[i] = 1
		}
		eaten = append(eaten, part)
		fmt.Println("MiB", len(eaten))
	}
}

// hide has a child, and that one a child, in sessions of their own and with no environment.
func hide() {
	child := exec.Command(playing("daemon")[0], playing("daemon")[1:]...)
	child.Env = []string{}
	child.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	pipe, err := child.StdoutPipe()
	if err != nil || child.Start() != nil {
		panic(err)
	}
	var below int
	if _, err := fmt.Fscan(pipe, &below); err != nil {
		panic(err)
	}
	fmt.Println(child.Process.Pid, below)
	playStubborn()
}

// nest moves itself into a cgroup of its own making.
func nest() {
	own, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		panic(err)
	}
	path := strings.TrimSpace(strings.TrimPrefix(string(own), "0::"))
	dir := filepath.Join("/sys/fs/cgroup", path, "below", "deeper")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		panic(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "cgroup.procs"), []byte("0"), 0); err != nil {
		panic(err)
	}
	fmt.Println(os.Getpid())
	playStubborn()
}

// playDelegate starts a program with every limit and logs on standard output.
func playDelegate() {
	p, err := process.Start(process.Spec{
		Command: []string{"sh", "-c", "exit 3"}, Stdout: os.Stdout,
		Limits: process.Limits{Memory: 32 << 20, CPU: 1.5, Pids: 50},
		Log:    slog.New(slog.NewTextHandler(os.Stdout, nil)),
	})
	if err != nil {
		panic(err)
	}
	fmt.Println("it ran:", p.Wait())
}
