// Asks the kubelet's own code which logins it offers: pull Secrets and images in, users out. Built by tests/kubelet/keyring.rs from
// the pins of hack/cluster.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	v1 "k8s.io/api/core/v1"
	"k8s.io/kubernetes/pkg/credentialprovider"
	"k8s.io/kubernetes/pkg/credentialprovider/secrets"
	"k8s.io/kubernetes/pkg/util/parsers"
)

// One line of input: the files of a Pod's pull Secrets, and the images that are asked for.
type question struct {
	Files  []string `json:"files"`
	Images []string `json:"images"`
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var asked question
		if err := json.Unmarshal(lines.Bytes(), &asked); err != nil {
			panic(err)
		}
		fmt.Println(answer(asked))
	}
}

// "broken", or for each image its users, or "no image".
func answer(asked question) string {
	var pullSecrets []v1.Secret
	for _, file := range asked.Files {
		data := map[string][]byte{v1.DockerConfigJsonKey: []byte(file)}
		pullSecrets = append(pullSecrets, v1.Secret{Type: v1.SecretTypeDockerConfigJson, Data: data})
	}
	keyring, err := secrets.MakeDockerKeyring(pullSecrets, credentialprovider.UnionDockerKeyring{})
	if err != nil {
		return "broken"
	}
	var answers []string
	for _, image := range asked.Images {
		repository, _, _, err := parsers.ParseImageName(image)
		if err != nil {
			answers = append(answers, "no image")
			continue
		}
		found, _ := keyring.Lookup(repository)
		var users []string
		for _, login := range found {
			users = append(users, login.Username)
		}
		answers = append(answers, strings.Join(users, ","))
	}
	return strings.Join(answers, ";")
}
