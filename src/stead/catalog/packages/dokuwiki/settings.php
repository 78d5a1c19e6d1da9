<?php
// Prints one of DokuWiki's files: settings.php conf|users|rights [FILE]. What people set up in the
// wiki stays; the administrator, the title and who may read follow the environment.
function hashed(string $before, string $word): string
{
    return password_verify($word, $before) ? $before : password_hash($word, PASSWORD_BCRYPT);
}

function lines(string $path): array
{
    return is_readable($path) ? file($path, FILE_IGNORE_NEW_LINES) : ['# <?php exit()?>'];
}

function conf(): void
{
    $said = [
        'title' => getenv('TITLE'),
        'useacl' => 1,
        'authtype' => 'authplain',
        'passcrypt' => 'bcrypt',
        'superuser' => '@admin',
        'disableactions' => 'register,resendpwd',
        'updatecheck' => 0,
        'remoteuser' => '!!not set!!',
    ];
    echo "<?php\n";
    foreach ($said as $name => $value) {
        echo '$conf[', var_export($name, true), '] = ', var_export($value, true), ";\n";
    }
}

function users(string $path): void
{
    $name = getenv('ADMIN_USER');
    $found = false;
    foreach (lines($path) as $line) {
        $parts = explode(':', $line, 5);
        if ($parts[0] === $name && count($parts) === 5) {
            $found = true;
            $parts[1] = hashed($parts[1], getenv('PASSWORD'));
            $line = implode(':', $parts);
        }
        echo $line, "\n";
    }
    if (!$found) {
        echo "$name:", hashed('', getenv('PASSWORD')), ":Administrator::admin,user\n";
    }
}

function rights(string $path): void
{
    $all = getenv('OPEN_TO_ALL') === 'true' ? 1 : 0;
    $rest = preg_grep('/^\*\s+@ALL\s/', lines($path), PREG_GREP_INVERT);
    echo implode("\n", $rest), "\n*\t@ALL\t$all\n";
    if (!preg_grep('/^\*\s+@user\s/', $rest)) {
        echo "*\t@user\t8\n";
    }
}

$what = $argv[1];
$what($argv[2] ?? '');
